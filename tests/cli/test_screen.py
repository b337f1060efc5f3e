"""What the screen says when nobody watches a bar."""

from catsdogs_exp.cli.screen import TerminalScreen


def test_work_is_counted_in_images_and_downloads_in_megabytes(capsys) -> None:
    screen = TerminalScreen("[2/3] ")
    for what, total in (("inspecting", 300), ("downloading rps.zip", 200_682_221)):
        screen.progress(what, 0, total)
        screen.progress(what, total // 2, total)
        screen.progress(what, total, total)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("[2/3] inspecting 300 images: ")
    assert second.startswith("[2/3] downloading rps.zip 200.7 MB: ")
