import os

import pytest

from prevue import folder as folder_module
from prevue.folder import claim, make, release, writer_folders


def test_a_writer_of_this_process_is_not_claimed(new_spool):
    spool = new_spool(1)
    assert claim(spool.folder) is None
    assert claim(spool.folder) is None  # asking has not freed its lock


def test_a_writer_of_a_living_process_is_not_claimed_by_another(new_spool, python):
    folder = new_spool(1).folder
    source = f"from pathlib import Path\nfrom prevue.folder import claim\nprint(claim(Path({str(folder)!r})))"
    assert python(source).stdout == "None\n"


def test_a_writer_whose_process_is_gone_is_claimed_once(new_spool, python):
    spool = new_spool(1)
    spool.close(is_delivered=False)
    lock = claim(spool.folder)
    assert lock is not None
    assert claim(spool.folder) is None
    release(spool.folder, lock)


def test_what_was_released_can_be_claimed_again(new_spool):
    spool = new_spool(1)
    spool.close(is_delivered=False)
    for _ in range(2):
        release(spool.folder, claim(spool.folder))


def test_a_writer_that_is_no_more_is_not_claimed(tmp_path):
    assert claim(tmp_path / "gone") is None


def test_folders_come_the_oldest_first(tmp_path, new_spool):
    folders = [new_spool().folder for _ in range(3)]
    for age, folder in enumerate(folders):
        os.utime(folder, (1_000 - age, 1_000 - age))
    (tmp_path / "server" / "a file").touch()
    assert writer_folders(tmp_path / "server") == folders[::-1]


def test_a_server_without_a_folder_has_no_writers(tmp_path):
    assert writer_folders(tmp_path / "none") == []


def test_a_folder_is_its_makers_before_its_lock_is_taken(tmp_path, monkeypatch):
    """Another thread of the same process would be given the lock as well: it belongs to the process."""
    claimed = []

    def claim_first(folder, **how):
        monkeypatch.undo()
        claimed.append(claim(folder))
        return take_lock(folder, **how)

    take_lock = folder_module.take_lock
    monkeypatch.setattr(folder_module, "take_lock", claim_first)
    lock = make(tmp_path / "server" / "writer")
    assert claimed == [None]
    release(tmp_path / "server" / "writer", lock)


def test_a_folder_that_cannot_be_made_is_nobodys(tmp_path):
    (tmp_path / "server").write_text("a file")
    with pytest.raises(OSError, match="server"):
        make(tmp_path / "server" / "writer")
    (tmp_path / "server").unlink()
    (tmp_path / "server" / "writer").mkdir(parents=True)
    lock = claim(tmp_path / "server" / "writer")
    assert lock is not None
    release(tmp_path / "server" / "writer", lock)
