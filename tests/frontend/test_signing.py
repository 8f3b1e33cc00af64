"""The key that signs pages, in the data folder."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from frontend_bokeh.signing import kept_key
from prevue_core.errors import SettingsError


def test_the_key_of_the_first_start_is_kept_for_its_owner_only(tmp_path):
    key = kept_key(tmp_path / "new" / "folder")
    assert len(key) == 32
    assert kept_key(tmp_path / "new" / "folder") == key
    (file,) = (tmp_path / "new" / "folder").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_dashboards_that_start_at_the_same_time_have_one_key(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: kept_key(tmp_path), range(8)))
    assert len(keys) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_another_folder_has_another_key(tmp_path):
    assert kept_key(tmp_path / "a") != kept_key(tmp_path / "b")


def test_a_damaged_key_is_named_and_not_shown(tmp_path):
    kept_key(tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"hunter2")
    with pytest.raises(SettingsError, match=r"dashboard\.key has 7 bytes, a key has 32; delete") as caught:
        kept_key(tmp_path)
    assert "hunter2" not in str(caught.value)


def test_a_folder_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"cannot be kept in .*file/dashboard\.key: .*PREVUE_SECRET_KEY"):
        kept_key(tmp_path / "file")
