"""Several processes train one network, with mixed precision, accumulated gradients and histograms of them:

torchrun --nproc-per-node 2 examples/torch_distributed.py
"""

import torch
from sklearn.datasets import load_digits
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from prevue import PrevueTorchCallback
from prevue_torch import watch

ACCUMULATE = 4  # batches for one step of the optimizer
EPOCHS = 5


def main():
    on_gpu = torch.cuda.is_available()
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    rank = distributed.get_rank()
    device = torch.device("cuda", rank % torch.cuda.device_count()) if on_gpu else torch.device("cpu")

    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    train = TensorDataset(x[:1400], y[:1400])
    sampler = DistributedSampler(train)
    loader = DataLoader(train, batch_size=16, sampler=sampler)

    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    model = DistributedDataParallel(network.to(device))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    scaler = torch.amp.GradScaler(device.type)
    measure = nn.CrossEntropyLoss()

    # Rank 0 logs. With PREVUE_RUN_ID in the environment all ranks do, into one run, each its own series.
    with PrevueTorchCallback(
        project_name="digits-ddp",
        model=model,
        input_batch=x[:1],
        config={"lr": 0.003, "ranks": distributed.get_world_size(), "accumulate": ACCUMULATE},
        update_freq=10,
    ) as callback:
        watch(callback.run, model, log_freq=20)
        for epoch in range(EPOCHS):
            sampler.set_epoch(epoch)
            for batch, (images, labels) in enumerate(loader, start=1):
                with torch.autocast(device.type, dtype=torch.bfloat16):
                    loss = measure(model(images.to(device)), labels.to(device))
                scaler.scale(loss / ACCUMULATE).backward()
                if batch % ACCUMULATE == 0:
                    scaler.step(optimizer)
                    scaler.update()
                    optimizer.zero_grad()
                callback.on_batch_end(batch, {"loss": loss}, epoch=epoch)
            with torch.no_grad():
                scores = network(x[1400:].to(device)).cpu()
            accuracy = (scores.argmax(1) == y[1400:]).float().mean()
            values = {"loss": loss, "val_loss": measure(scores, y[1400:]), "val_accuracy": accuracy}
            callback.on_epoch_end(epoch, values)

    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
