"""Where keys stand in a TOML file, however it is written."""

from octtutor.core.tomlfile.places import Places


def test_lines_are_found_in_any_way_of_writing_toml():
    places = Places(
        'description = """\n[rule]\nseed = 1\n"""\n"deck" = "x"\nrule.seed = 2\n'
        "[ options ]\n  confidence = true\n[rule.per_class]\nCNV = 1\n"
        "[[cases]]\n[[ cases ]]\nname = 'x'\n"
    )
    assert places.of("", "deck") == 5
    assert places.of("rule", "seed") == 6
    assert places.of("options", "confidence") == 8
    assert places.of("options", "missing") == 7
    assert places.of("rule", "per_class") == 9
    assert places.of("cases[2]", "name") == 13
    assert places.of("cases[1]", "name") == 11
    assert places.of("", "missing") == 0
    inline = Places('title = "x"\ncases = [\n  { sha256 = "x" },\n]\n')
    assert inline.of("cases[1]", "sha256") == 2
