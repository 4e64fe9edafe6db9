"""The pages in a real browser, and that nothing in them can break out of its place."""

import base64
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from mrcnn.atomic import as_json
from mrcnn.detections import Detections
from mrcnn.evaluation.evaluation import Evaluation
from mrcnn.evaluation.page import EvaluationPage
from mrcnn.outlines import polygons_to_mask, rings
from mrcnn.pages import page as pages
from mrcnn.pages import photos as page_photos
from mrcnn.results.html_file import HtmlFile
from mrcnn.results.photos import PhotoResult, RunInfo
from mrcnn.results.uncertainty import uncertainty
from tests import chromium
from tests.pages import embedded
from tests.photos import photo, saved

NAMES = [
    "BG",
    "</script><script>document.title = 'broken'</script>",
    "\"Tasse\" & 'кружка' {{ 7 * 7 }}",
    "<!-- photos --><img src=x onerror=\"document.title = 'broken'\">",
]
FILES = (
    "plain.png",
    "a</script><script>document.title='broken'<b>.png",
    "#1?x=100%.png",
    "ü リモコン '\"&.png",
    "'><img src=x onerror=document.title='broken'>.png",
)
HEIGHT, WIDTH = 60, 80


def some(rng, count, scores=False):
    """Return objects: ellipses with classes, and falling scores where they are asked for."""
    masks = np.zeros((HEIGHT, WIDTH, count), np.uint8)
    for index in range(count):
        middle = int(rng.integers(12, WIDTH - 12)), int(rng.integers(10, HEIGHT - 10))
        axes = rng.integers(4, 12, 2).tolist()
        layer = np.zeros((HEIGHT, WIDTH), np.uint8)
        masks[..., index] = cv2.ellipse(layer, middle, axes, 0, 0, 360, 1, -1)
    found = Detections.of_masks(masks.astype(bool), rng.integers(1, len(NAMES), count))
    falling = np.sort(rng.random(count).astype(np.float32))[::-1]
    return Detections.of(found.rois, found.class_ids, falling, masks) if scores else found


def found_of(rng, truth):
    """Return detections of some objects, moved a little, of some wrong classes, and others."""
    masks, class_ids = [], []
    for mask, class_id in zip(np.moveaxis(truth.masks, -1, 0), truth.class_ids, strict=True):
        if rng.random() < 0.8:
            masks.append(np.roll(mask, rng.integers(-5, 6, 2), axis=(0, 1)))
            other = rng.random() < 0.3
            class_ids.append(int(rng.integers(1, len(NAMES))) if other else abs(class_id))
    more = some(rng, int(rng.integers(0, 4)))
    masks += list(np.moveaxis(more.masks, -1, 0))
    class_ids += more.class_ids.tolist()
    masks = np.stack(masks, axis=-1) if masks else np.zeros((HEIGHT, WIDTH, 0), bool)
    scores = np.sort(rng.random(len(class_ids)).astype(np.float32))[::-1]
    whole = Detections.of_masks(masks, class_ids)
    return Detections.of(whole.rois, class_ids, scores, masks)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for seed, name in enumerate(FILES):
        saved(folder / "photos" / name, photo(HEIGHT, WIDTH, seed))
    return folder


@pytest.fixture(scope="module")
def evaluated(folder):
    """An evaluation of forty photos, most of which are not there any more, and its page."""
    rng, evaluation = np.random.default_rng(5), Evaluation(NAMES)
    page = EvaluationPage(folder / "index.html", 40, "weights </title>.h5", "val")
    for index in range(40):
        name = FILES[index] if index < len(FILES) else f"gone/{index:02}.png"
        truth = some(rng, int(rng.integers(0, 5)))
        if index % 4 == 0:
            truth.class_ids[:1] *= -1  # a crowd
        found = found_of(rng, truth)
        scene = evaluation.add(str(folder / "photos" / name), truth, found)
        page.add(scene, photo(HEIGHT, WIDTH, index), truth, found)
    return evaluation, page.write(evaluation)


@pytest.fixture(scope="module")
def predicted(folder):
    """The results of thirty photos, and their page; one more failed and one is left."""
    rng, path = np.random.default_rng(6), folder / "found.html"
    paths = [folder / "photos" / name for name in FILES]
    paths += [folder / "gone" / f"{index:02}.png" for index in range(25)]
    run = RunInfo(Path("weights.h5"), NAMES, 0.25, [*paths, Path("bad"), Path("left")])
    writer, results = HtmlFile(path, run), []
    for index, each in enumerate(paths):
        found = some(rng, int(rng.integers(0, 6)), scores=True)
        found = found.where(found.scores >= 0.25)
        image = photo(HEIGHT, WIDTH, index)
        results.append(PhotoResult(each, found, Path("drawn.png"), 9, image))
        writer.add(results[-1])
    writer.fail({"file": "bad", "reason": "bad: <b>is empty</b>"})
    writer.close()
    return results, path


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = chromium.find()
    if program is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with chromium.Chromium(program, tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture
def opened(browser):
    """A function that opens a page in a tab; at the end it must have had nothing to complain of,
    and have asked for nothing that is not a file."""
    tabs = []

    def open_page(path, width=1300, height=800, dark=False):
        tab = browser.tab()
        tabs.append(tab)
        tab.screen(width, height, dark)
        tab.open(path)
        return tab

    yield open_page
    for tab in tabs:
        gone = [each for each in tab.complaints if "ERR_FILE_NOT_FOUND" not in json.dumps(each)]
        assert not gone
        assert {url.partition(":")[0] for url in tab.requests} <= {"file", "data"}
        assert tab.run("document.title") != "broken"
        tab.send("Page.close")


# -- What is in the files ----------------------------------------------------------------------


def test_data_cannot_end_its_element_and_comes_back_as_it_was():
    hostile = {"<!--</script>": "</SCRIPT >&amp;\u2028\u2029'\"\\ 語 \udce9"}
    text = pages.embedded(hostile, id="facts")
    inner = re.fullmatch(r'<script type="application/json" id="facts">(.*)</script>\n', text)[1]
    assert not set(inner) & set("<>&\u2028\u2029")
    assert json.loads(inner) == json.loads(as_json(hostile))


def test_a_page_is_one_file_that_runs_nothing_else_and_names_no_other_place(evaluated, predicted):
    for path in (evaluated[1], predicted[1]):
        text = path.read_text(encoding="utf-8")
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
        assert "default-src &#39;none&#39;" in policy and "unsafe" not in policy
        # But for comments and the name of SVG, no address stands in the code.
        code = (
            text.partition("<body>")[0].replace(policy, "").replace("http://www.w3.org/2000/", "")
        )
        assert "//" not in re.sub(r"(\n|; )\s*//.*", "", code)
        assert len(re.findall(r"<script>", text)) == 1
        assert "<img" not in text


def test_small_pictures_are_as_large_as_their_number_allows(evaluated, predicted):
    large = np.zeros((3000, 4000, 3), np.uint8)
    few, many = page_photos.thumbnail(large, 16), page_photos.thumbnail(large, 2000)
    assert few.shape[0] * few.shape[1] == pytest.approx(page_photos.MOST, rel=0.01)
    assert many.shape[0] * many.shape[1] * 2000 == pytest.approx(page_photos.TOGETHER, rel=0.01)
    assert page_photos.thumbnail(large, 10**7).shape[1] > 100
    assert page_photos.thumbnail(np.zeros((1, 5000, 3), np.uint8), 2000).shape[:2] == (1, 5000)
    data = re.search(r'class="picture">([^<]*)<', predicted[1].read_text())[1]
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    # It is RGB when it is given and when it is seen.
    expected = predicted[0][0].image
    assert np.abs(picture[..., ::-1].astype(int) - expected).mean() < 12


@pytest.mark.parametrize(
    ("path", "page", "expected"),
    [
        ("/a/b/x y.jpg", "/a/out/i.html", "./../b/x%20y.jpg"),
        ("/a/#1?.jpg", "/a/i.html", "./%231%3F.jpg"),
        ("/a/https://evil.example/x.jpg", "/a/i.html", "./https%3A/evil.example/x.jpg"),
        ("/a/caf\udce9.jpg", "/a/i.html", "./caf%E9.jpg"),
    ],
)
def test_photos_are_looked_for_beside_the_page(path, page, expected):
    assert page_photos.address(Path(path), Path(page)) == expected


@pytest.mark.parametrize("scale", [1, 5])
def test_outlines_cover_the_mask_and_leave_its_holes(scale):
    mask = np.zeros((400 * scale, 600 * scale), np.uint8)
    cv2.ellipse(mask, (200 * scale, 200 * scale), (150 * scale, 100 * scale), 30, 0, 360, 1, -1)
    cv2.circle(mask, (200 * scale, 200 * scale), 30 * scale, 0, -1)
    cv2.circle(mask, (500 * scale, 100 * scale), 25 * scale, 1, -1)
    path = page_photos.outline(mask.astype(bool), (7, 11), max(mask.shape))
    parts = [re.findall(r"([-\d.]+),([-\d.]+)", part) for part in path.split("Z")[:-1]]
    drawn = np.zeros(mask.shape, bool)
    for part in parts:
        assert len(part) < 120
        drawn ^= polygons_to_mask([np.array(part, float) - (11, 7)], mask.shape)
    assert len(parts) == 3
    assert (drawn & (mask > 0)).sum() / (drawn | (mask > 0)).sum() > 0.98


def test_objects_without_a_mask_have_a_box():
    assert page_photos.outline(np.zeros((5, 6), bool), (0, 0), 100) == ""
    assert page_photos.outline(np.zeros((0, 0), bool), (0, 0), 5000) == ""
    assert rings(np.ones((1, 1), bool))[0].shape == (4, 2)
    boxes = Detections.of([[2, 3, 12, 23]], [1], [0.5], shape=(20, 50))
    (record,) = page_photos.objects(boxes)
    assert record == {"class": 1, "box": [2, 3, 12, 23], "area": 0.2, "outline": "", "score": 0.5}


def test_nothing_at_all_is_a_page_too(tmp_path, opened):
    empty = EvaluationPage(tmp_path / "e.html", 0)
    assert opened(empty.write(Evaluation(["BG", "x"]))).text("#shown").startswith("0 of 0 photos")
    writer = HtmlFile(tmp_path / "p.html", RunInfo(Path("w"), ["BG", "x"], 0.5, []))
    writer.close()
    assert opened(tmp_path / "p.html").text("#shown").startswith("0 of 0 photos")


def test_the_page_of_a_run_is_whole_after_each_photo(tmp_path, predicted):
    results, path = predicted
    text = path.read_text(encoding="utf-8")
    shown = embedded(text, 'class="photo"')
    assert [each["path"] for each in shown] == [str(each.path) for each in results]
    assert embedded(text, 'id="failed"') == [[{"file": "bad", "reason": "bad: <b>is empty</b>"}]]
    run = RunInfo(Path("w"), NAMES, 0.25, [each.path for each in results])
    writer = HtmlFile(tmp_path / "p.html", run)
    for count, result in enumerate(results[:3], start=1):
        writer.add(result)
        text = (tmp_path / "p.html").read_text(encoding="utf-8")
        assert len(embedded(text, 'class="photo"')) == count
    writer.close()
    assert [each.name for each in tmp_path.iterdir()] == ["p.html"]


# -- Evaluation --------------------------------------------------------------------------------


def figures_of(tab):
    """Return (precision, recall, F1), (hits, detections, objects), of the figures on the page."""
    values = [float(text.replace("–", "nan")) for text in tab.texts("#figures b")]
    counts = [int(text) for text in re.findall(r"\d+", " ".join(tab.texts("#figures small")))]
    return values, (counts[0], counts[1], counts[3])


def chips_of(tab):
    """Return the count of each kind of mistake."""
    keys = "[...document.querySelectorAll('#kinds [data-key]')].map((e) => "
    return dict(tab.run(f"{keys} [e.dataset.key, Number(e.querySelector('b')?.textContent)])"))


def shown(tab):
    """Return the names of the photos whose tiles are there, in their order."""
    place = "(e) => Number(e.dataset.place)"
    tiles = f"[...document.querySelectorAll('.tile')].sort((a, b) => ({place})(a) - ({place})(b))"
    return tab.run(f"{tiles}.map((e) => e.title)")


def at(evaluation, class_id, threshold):
    """Return the same of Python's curve."""
    curve = evaluation.curve(class_id)
    kept = np.flatnonzero(curve.thresholds >= threshold)
    if not len(kept):
        return [np.nan, 0.0, 0.0]
    return [values[kept[-1]] for values in (curve.precision, curve.recall, curve.f1)]


def test_figures_and_gallery_follow_the_threshold_as_python_has_them(evaluated, opened):
    evaluation, path = evaluated
    tab = opened(path, height=6000)
    best = evaluation.threshold()
    values, _ = figures_of(tab)
    np.testing.assert_allclose(values, evaluation.curve().best()[1:], atol=6e-4)
    for threshold in (0.0, 0.2, best, 0.5, 0.73, 0.995):
        if threshold == best:
            tab.click("#best")
        else:
            tab.slide("#threshold", threshold)
        values, (hits, detections, objects) = figures_of(tab)
        np.testing.assert_allclose(values, at(evaluation, None, threshold), atol=6e-4)
        matrix = evaluation.confusion(threshold)
        assert hits == np.trace(matrix) and detections == matrix[:, 1:].sum()
        assert objects == matrix[1:].sum()
        mistakes = evaluation.mistakes(threshold)
        assert chips_of(tab) == mistakes
        worst = [miss.image_id for miss in evaluation.worst(40, threshold)]
        assert shown(tab)[: len(worst)] == worst
        rows = tab.run(
            "[...document.querySelectorAll('#table tbody tr')].map((row) => "
            "[...row.querySelectorAll('td')].map((cell) => Number(cell.textContent)))"
        )
        for class_id, row in enumerate(rows, start=1):
            # What is no number here comes as None.
            values = np.array(row[7:10], float)
            np.testing.assert_allclose(values, at(evaluation, class_id, threshold), atol=6e-4)


def test_a_class_is_chosen(evaluated, opened):
    evaluation, path = evaluated
    tab = opened(path, height=6000)
    tab.click("#table [data-key='2']")
    best = evaluation.curve(2).best()
    tab.click("#best")
    values, (_, _, objects) = figures_of(tab)
    np.testing.assert_allclose(values, best[1:], atol=6e-4)
    assert objects == evaluation.curve(2).objects
    assert len(shown(tab)) < 40
    # Its name is a text, whatever it says.
    assert NAMES[2] in tab.texts("#table tbody button")[1]
    tab.click("#kinds [data-key='class']")
    assert len(shown(tab)) == 40
    tab.click("#table [data-key='head 1']")
    objects = [int(text) for text in tab.texts("#table tbody td:nth-child(2)")]
    assert objects == sorted(objects, reverse=True)
    tab.click("#table [data-key='head 1']")
    assert [int(text) for text in tab.texts("#table tbody td:nth-child(2)")] == objects[::-1]


def test_photos_are_sorted_by_what_went_wrong(evaluated, opened):
    _, path = evaluated
    tab = opened(path, height=6000)
    total = chips_of(tab)
    for kind, word in (("missed", "missed"), ("false", "false"), ("poor", "poor")):
        tab.click(f"#kinds [data-key='{kind}']")
        captions = tab.run(
            "[...document.querySelectorAll('.tile')].sort((a, b) => a.dataset.place - "
            "b.dataset.place).map((e) => e.querySelector('.caption').textContent)"
        )
        counts = [int(re.search(rf"(\d+) {word}", text)[1]) for text in captions]
        assert counts == sorted(counts, reverse=True) and sum(counts) == total[kind]
        tab.click(f"#kinds [data-key='{kind}']")
    tab.run("(e => { e.value = 'name'; e.dispatchEvent(new Event('change')) })(order)")
    tab.frame()
    names = shown(tab)
    assert names != sorted(names, reverse=True) and len(names) == 40
    tab.run("(e => { e.value = 'リモコン'; e.dispatchEvent(new Event('input')) })(search)")
    tab.frame()
    assert tab.texts(".tile .name") == [FILES[3]]


def test_curves_answer_to_the_mouse(evaluated, opened):
    evaluation, path = evaluated
    tab = opened(path)
    x, y = tab.place("#over")
    tab.hover(x, y)
    tip = tab.text("#over .tip")
    threshold = float(re.search(r"threshold ([\d.]+)", tip)[1])
    values = [float(value) for value in re.findall(r"(?:precision|recall|F1) ([\d.]+)", tip)]
    np.testing.assert_allclose(values, at(evaluation, None, threshold), atol=6e-4)
    tab.click("#over")
    assert float(tab.text("#at")) == pytest.approx(threshold, abs=1e-3)
    x, y = tab.place("#curve")
    tab.hover(x, y)
    assert re.search(r"precision [\d.]+\s+recall [\d.]+\s+F1 [\d.]+", tab.text("#curve .tip"))
    tab.hover(2, 2)
    assert tab.run("document.querySelector('#curve .tip').hidden")


def test_keys_and_clicks(evaluated, opened):
    _, path = evaluated
    tab = opened(path)
    names = shown(tab)
    layer = "getComputedStyle(document.querySelector('.tile .{0}')).display"
    for key, name in (("a", "annotated"), ("p", "found")):
        assert tab.run(layer.format(name)) != "none"
        tab.press(key)
        assert tab.run(layer.format(name)) == "none"
        tab.press(key)
    tab.click(".tile[data-place='1'] img")
    assert tab.run("lightbox.open") and tab.text("#lightbox p").startswith("2 of 40")
    tab.press("ArrowRight", 39)
    assert tab.text("#lightbox p").startswith("3 of 40")
    threshold = float(tab.text("#at"))
    tab.press("-")
    assert float(tab.text("#at")) == pytest.approx(threshold - 0.01, abs=0.0051)
    tab.press("ArrowLeft", 37)
    drawn = "[...document.querySelectorAll('#lightbox .overlay g:not(.dim)')].map((e) => "
    drawn = f"new Set({drawn} e.dataset.object)).size"
    before = tab.run(drawn)
    tab.hover(*tab.place("#lightbox li"))
    assert before > 2 >= tab.run(drawn) > 0
    tab.press("Escape", 27)
    assert not tab.run("lightbox.open")
    # The keyboard is where the photo was.
    place = int(tab.run("document.activeElement.dataset.place"))
    tab.press("ArrowRight", 39)
    assert int(tab.run("document.activeElement.dataset.place")) == place + 1
    tab.press("ArrowDown", 40)
    assert int(tab.run("document.activeElement.dataset.place")) > place + 2
    tab.press("Enter", 13)
    assert tab.run("lightbox.open")
    tab.press("Escape", 27)
    tab.press("?")
    assert "enlarge" in tab.text("#keys")
    tab.press("Escape", 27)
    tab.press("End", 35)
    assert names and tab.run("document.activeElement.dataset.place") == "39"


def test_an_enlarged_photo_is_the_whole_one_where_it_is_there(folder, evaluated, opened):
    tab = opened(evaluated[1])
    for name in FILES[:4]:
        value = json.dumps(str(folder / "photos" / name).lower())
        tab.run(f"(e => {{ e.value = {value}; e.dispatchEvent(new Event('input')) }})(search)")
        tab.frame()
        tab.click(".tile img")
        tab.wait("document.querySelector('#lightbox img').src.startsWith('file:')")
        tab.press("Escape", 27)
    tab.run("(e => { e.value = 'gone/39'; e.dispatchEvent(new Event('input')) })(search)")
    tab.frame()
    tab.click(".tile img")
    assert tab.run("document.querySelector('#lightbox img').naturalWidth") == WIDTH


def test_narrow_and_dark(evaluated, predicted, opened):
    papers = set()
    for path, dark in ((evaluated[1], False), (evaluated[1], True), (predicted[1], True)):
        tab = opened(path, 360, 700, dark)
        papers.add(tab.run("getComputedStyle(document.body).backgroundColor"))
        assert tab.run("document.documentElement.scrollWidth") <= 360
        tab.run("gallery.scrollIntoView()")
        tab.frame()
        assert tab.run("document.querySelector('.tile').clientWidth") > 300
    assert len(papers) == 2


def test_only_what_is_seen_is_in_the_document(evaluated, opened):
    tab = opened(evaluated[1], 700, 600)
    before = shown(tab)
    assert len(before) < 20
    tab.run("scrollTo(0, 1e6)")
    tab.frame()
    assert len(shown(tab)) < 20 and not set(shown(tab)) & set(before[:2])


# -- Predictions -------------------------------------------------------------------------------


def test_the_most_uncertain_photos_come_first(predicted, opened):
    results, path = predicted
    tab = opened(path, height=6000)
    ranked = sorted(results, key=lambda each: -uncertainty(each.detections, 0.25))
    assert shown(tab) == [str(each.path) for each in ranked]
    assert tab.text("#failures summary") == "1 photo failed"
    assert "1 more not looked at" in tab.text("#about")
    assert tab.run("document.querySelector('#failures li').textContent") == "bad: <b>is empty</b>"


def test_filters_by_class_score_and_size(predicted, opened):
    results, path = predicted
    tab = opened(path, height=6000)
    rows = [
        (each.path, class_id, score, area / (HEIGHT * WIDTH))
        for each in results
        for class_id, score, area in zip(
            each.detections.class_ids, each.detections.scores, each.detections.areas, strict=True
        )
    ]

    def check(keep):
        kept = [row for row in rows if keep(*row[1:])]
        objects, photos = (int(text) for text in tab.texts("#figures b")[:2])
        assert (objects, photos) == (len(kept), len({row[0] for row in kept}))

    assert tab.texts("#figures b")[:2] == [str(len(rows)), str(len(results))]
    tab.click("#classes [data-key='1']")
    check(lambda class_id, *_: class_id == 1)
    assert tab.texts("#classes .chip span:not(.mark)")[0] in NAMES
    tab.click("#classes [data-key='1']")
    tab.slide("#score input", 0.5)
    least = 0.25 + 0.75 * 0.5
    check(lambda _, score, __: score >= least)
    tab.slide("#score input", 0)
    tab.slide("#area input:last-of-type", 0.4)
    check(lambda _, __, area: area <= 0.4**3)
    tab.slide("#area input:last-of-type", 1)
    tab.click("#kinds [data-key='without']")
    empty = sum(not len(each.detections) for each in results)
    assert len(shown(tab)) == empty


def test_photos_of_predictions_are_enlarged(predicted, opened):
    results, path = predicted
    tab = opened(path)
    tab.click(".tile img")
    first = max(results, key=lambda each: uncertainty(each.detections, 0.25))
    assert tab.text("#lightbox h2") == first.path.name
    assert len(tab.texts("#lightbox li")) == len(first.detections)
    tab.press("ArrowRight", 39)
    tab.press("Escape", 27)
    assert tab.run("document.activeElement.dataset.place") == "1"
