"""Programs written for earlier versions still find what they import."""

import ncaengine as nca


def test_modules_of_earlier_versions_give_the_same_objects() -> None:
    from ncaengine import files
    from ncaengine.errors import NCAError

    assert (files.load, files.save, NCAError) == (nca.load, nca.save, nca.NCAError)
