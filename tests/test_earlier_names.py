"""Programs written for earlier versions still find what they import."""

import ncaengine as nca


def test_modules_of_earlier_versions_give_the_same_objects() -> None:
    from ncaengine import files
    from ncaengine.errors import NCAError

    assert (files.load, files.save, NCAError) == (nca.load, nca.save, nca.NCAError)


def test_the_module_of_autosaves_is_found_where_it_was() -> None:
    from ncaengine.viewer import autosave
    from ncaengine.viewer.actions import autosave as present

    assert autosave is present
