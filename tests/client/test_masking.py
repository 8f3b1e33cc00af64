"""Secrets on command lines and in messages. Every secret here must go, and what is none must stay."""

import shlex

import pytest

from prevue.masking import command_line, masked

SECRET = "hunter2"
LONG = "0123456789abcdef0123456789abcdef01234567"  # as the keys of Weights & Biases are


@pytest.mark.parametrize(
    "arguments",
    [
        "--token hunter2",
        "--token=hunter2",
        "-token hunter2",
        "--hf-token hunter2",
        "--hf_token=hunter2",
        "--password hunter2",
        "--password='hunter2 hunter2'",
        "--db-password hunter2 --lr 0.1",
        "--PASSWORD hunter2",
        "--passwd=hunter2",
        "--client-secret-value hunter2",
        "--api-key hunter2",
        "--apikey=hunter2",
        "--wandb_key hunter2",
        "--key hunter2",
        "--aws-access-key-id hunter2",
        "--dsn hunter2",
        "--password -hunter2",
        "--token --token hunter2",
        "wandb.api_key=hunter2",
        "+logger.token=hunter2",
        "TOKEN=hunter2",
        "--set auth.password=hunter2",
        '--config \'{"password": "hunter2"}\'',
        "--config \"{'api_key':'hunter2'}\"",
        "--header 'Authorization: Bearer hunter2'",
        "--header 'authorization: basic hunter2'",
        "--header 'X-Auth-Token: hunter2'",
        "--url https://bob:hunter2@example.org/data",
        "--url https://hunter2@example.org/data",
        "--db postgresql://bob:hun/ter2@hunter2@db/name",
        "--db=mysql+pymysql://bob:hunter2@db:3306/name",
        "s3://bucket/x?X-Amz-Signature=hunter2&y=1",
        "https://example.org/data?sig=hunter2",
        "https://example.org/?a=1&access_token=hunter2",
        "https://hooks.slack.com/services/T0/B0/hunter2",
    ],
)
def test_a_secret_by_its_name_or_place_is_masked(arguments):
    told = command_line(["python", "train.py", *shlex.split(arguments)])
    assert SECRET not in told
    assert told.startswith("python train.py")
    assert "***" in told


@pytest.mark.parametrize(
    "key",
    [
        LONG,
        "sk-proj-abcdefghijklmnop",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "github_pat_11ABCDEFG0abcdefghijkl",
        "hf_abcdefghijklmnopqrst",
        "AKIAIOSFODNN7EXAMPLE",
        "pvt_jUHbRph3SBmOeW5D51XOSZLPC6oYreBBrNUJHJStDAu3CpRmf",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "-----BEGIN PRIVATE KEY-----\nabc\ndef\n-----END PRIVATE KEY-----",
        "xoxb-123456789012-abcdefghijkl",
    ],
)
@pytest.mark.parametrize("text", ["{}", "-p {}", "--note={}", "login with {} failed", "'{}'", "/a/{}/b", "x_{}"])
def test_what_looks_like_a_key_is_masked_wherever_it_stands(key, text):
    for told in (masked(text.format(key)), command_line(["python", text.format(key)])):
        assert key not in told
        assert not any(part in told for part in (LONG[:16], "abcdefghijkl", "def", "FODNN7", "eBBrNUJ"))


@pytest.mark.parametrize(
    "arguments",
    [
        "--lr 0.1 --epochs=5 model.depth=3",
        "--tokenizer gpt2 --max-tokens 512 --num_tokens=10",
        "--monkey 5 --keys 3 --key-dim 64 --n_keys=4",
        "--data /home/me/data/imagenet-1k/train",
        "--run 019ab1c2-0000-7000-8000-000000000001",
        "--url https://example.org:8080/a?b=1#c",
        "--use-auth-token --lr 0.1",
        "--remote git@github.com:me/repo.git",
        "--pip git+https://github.com/me/repo@v1.2",
        "--layers 64 64 10 --name=efficientnet_v2_large_in21k",
        "'--note=two words' 'it'\"'\"'s'",
    ],
)
def test_what_is_no_secret_stays_as_it_was_typed(arguments):
    assert command_line(shlex.split(arguments)) == shlex.join(shlex.split(arguments))


def test_messages_stay_readable():
    text = "Missing key(s) in state_dict: 'conv1.weight'. KeyError: 'loss' at step=3, key: 'lr'"
    assert masked(text) == text
    told = masked("401 for https://bob:hunter2@host/x: token 'hunter2' was refused, password=hunter2")
    assert told == "401 for https://***@host/x: token 'hunter2' was refused, password=***"


def test_a_long_command_is_cut():
    told = command_line(["python", "train.py", *(["x" * 30] * 1_000)])
    assert len(told) < 4_100
    assert told.endswith(" ...")


@pytest.mark.parametrize("text", ["secret" * 2_000, "a.-" * 4_000, "://" * 4_000, "0a" * 5_000 + "!", "token " * 2_000])
def test_hostile_text_does_not_run_away_with_the_expressions(text):
    assert masked(text)
