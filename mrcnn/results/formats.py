"""The formats of result files that a run over photos can write."""

from mrcnn.results.coco_results import CocoResults
from mrcnn.results.html_file import HtmlFile
from mrcnn.results.json_file import JsonFile
from mrcnn.results.json_lines import JsonLines
from mrcnn.results.parquet_parts import ParquetParts
from mrcnn.results.photos import Writer
from mrcnn.results.via_project import ViaProject

FORMATS: dict[str, type[Writer]] = {
    each.name: each
    for each in (JsonFile, JsonLines, CocoResults, ParquetParts, HtmlFile, ViaProject)
}
# Those that need to know all photos before the first; that a run which was stopped goes on with,
# and that `take` records made on other machines; that are folders of files.
LISTING, RESUMED, FOLDERS = {"html", "via"}, {"jsonl", "parquet"}, {"parquet"}
