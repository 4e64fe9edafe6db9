"""The report of a check as text: a table, a histogram, the findings, the verdict."""

from statistics import median

from mrcnn.tables import as_lines

COUNTS = (
    ("photos", "images"),
    ("  annotated", "annotated"),
    ("  without objects", "empty"),
    ("  not in the file", "unlisted"),
    ("  unreadable", "unreadable"),
    ("missing photos", "missing"),
)


def render(report, limit: int) -> str:
    """Return a CheckReport as text, with at most `limit` findings of a kind."""
    blocks = [
        [f"Data set {report.folder}"],
        [f"  {s.name}: {s.annotations.summary()}" for s in report.subsets if s.annotations],
        _counts(report.subsets),
        _classes(report.subsets),
        ["Objects by the side of their box at training size:", *report.anchors.lines()],
        _findings("Errors", report.errors, limit),
        _findings("Warnings", report.warnings, limit),
        [_verdict(report)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _counts(subsets):
    rows = [["", *(subset.name for subset in subsets)]]
    rows += [[title, *(getattr(s, name) for s in subsets)] for title, name in COUNTS]
    problems = [s.annotations.problems if s.annotations else () for s in subsets]
    rows.append(["regions", *(sum(map(len, s.regions.values())) for s in subsets)])
    rows.append(["  unusable", *(sum(p.region is not None for p in group) for group in problems)])
    return as_lines(rows, left=1)


def _classes(subsets):
    rows = [["class", "in", "regions", "photos", "area px: least", "median", "most"]]
    for subset in subsets:
        for label, sizes in subset.by_class().items():
            areas = [size.area for size in sizes]
            photos = sum(any(s.label == label for s in image) for image in subset.regions.values())
            spread = (min(areas), round(median(areas)), max(areas))
            rows.append([label, subset.name, len(sizes), photos, *spread])
    return as_lines(rows, left=1) if len(rows) > 1 else []


def _findings(title, findings, limit):
    """List findings kind by kind."""
    kinds = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    lines = [f"{title}: {len(findings)}"] if findings else []
    for kind, group in kinds.items():
        lines.append(f"  {kind} ({len(group)})")
        lines += [f"    {finding}" for finding in group[:limit]]
        if len(group) > limit:
            lines.append(f"    and {len(group) - limit} more")
    return lines


def _verdict(report):
    if report.errors:
        return "Verdict: training would be wrong; mend the errors first."
    return "Verdict: fit for training" + ("; look at the warnings." if report.warnings else ".")
