"""PyTorch: a small network learns to read digits of 8 x 8 pixels, in a plain loop and with the callback."""

import torch
from sklearn.datasets import load_digits
from torch import nn

import prevue
from prevue import PrevueTorchCallback

digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32) / 16
y = torch.tensor(digits.target)
x_train, x_val, y_train, y_val = x[:1400], x[1400:], y[:1400], y[1400:]
measure = nn.CrossEntropyLoss()


def make_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


@torch.no_grad()
def judge(model, x, y):
    scores = model(x)
    return {"loss": measure(scores, y), "accuracy": (scores.argmax(1) == y).float().mean()}


model = make_model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

with prevue.init("digits-torch", "SGD, plain loop", config={"lr": 0.1}) as run:
    run.describe(model)
    step = 0
    for epoch in range(20):
        for chosen in torch.randperm(len(x_train)).split(64):
            optimizer.zero_grad()
            loss = measure(model(x_train[chosen]), y_train[chosen])
            loss.backward()
            optimizer.step()
            step += 1
        run.log({"train": judge(model, x_train, y_train), "val": judge(model, x_val, y_val)}, step, epoch=epoch)

for rate in (0.001, 0.1):
    model = make_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    with PrevueTorchCallback(
        project_name="digits-torch",
        run_name=f"Adam, rate {rate}",
        config={"lr": rate},
        model=model,
        update_freq=5,
    ) as callback:
        for epoch in range(20):
            for batch, chosen in enumerate(torch.randperm(len(x_train)).split(64)):
                optimizer.zero_grad()
                loss = measure(model(x_train[chosen]), y_train[chosen])
                loss.backward()
                optimizer.step()
                callback.on_batch_end(batch, {"loss": loss}, epoch=epoch)
            callback.on_epoch_end(epoch, {"train": judge(model, x_train, y_train), "val": judge(model, x_val, y_val)})
