"""The formats of result files that a run over photos can write."""

from mrcnn.results.html_file import HtmlFile
from mrcnn.results.json_file import JsonFile
from mrcnn.results.photos import Writer
from mrcnn.results.via_project import ViaProject

FORMATS: dict[str, type[Writer]] = {each.name: each for each in (JsonFile, HtmlFile, ViaProject)}
