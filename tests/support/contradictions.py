"""Replies whose parts fit each by itself and contradict each other: counts, codes, echoes, dates, lists, engines, levels."""

SHA = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
OTHER = "5e" * 32
CONTRADICTING = 0.25
"""How many of the mutations are of this kind."""
DATES = (
    "9999-12-31 23:59:59",
    "9999-12-31T23:59:59-14:00",
    "2099-01-01 00:00:00",
    "0001-01-01 00:00:00",
    "0001-01-01T00:00:00+14:00",
    "1970-01-01 00:00:00",
    "2026-02-30 00:00:00",
    "2026-11-22 24:00:00",
    "20261121",
    "20261121030000",
    "2026-11-21T03:00:00Z",
    "yesterday",
    253402300799,
    -62135596800,
    1795300000,
    1795300000.5,
)


def report_of(reply):
    """The report of a reply, which may be a list of one."""
    return reply[0] if isinstance(reply, list) and len(reply) == 1 else reply


def contradicting(reply, report, chance):
    """The reply with something in it that contradicts the rest."""
    change = chance.choice(_CONTRADICTIONS)(report, chance)
    if "whole" in change:
        return change["whole"]
    report.update(change)
    return reply


def _number_of(value, least=0):
    return value if type(value) is int and abs(value) < 10**6 else least


def _counts_that_disagree(report, chance):
    positives, total = _number_of(report.get("positives")), _number_of(report.get("total"))
    engines = len(report["scans"]) if isinstance(report.get("scans"), dict) else 0
    return chance.choice(
        (
            {"positives": 0, "total": 0, "scans": {}},
            {"positives": 0, "total": 0},
            {"positives": total + 1},
            {"total": positives - 1},
            {"total": max(0, engines - 1)},
            {"total": engines + 1},
            {"positives": 0},
            {"positives": engines + 5},
            {"scans": {}},
            {"scans": None, "positives": 0},
        )
    )


def _codes_that_disagree(_, chance):
    code = chance.choice((-3, -2, -1, 0, 2, 3, 100, "1", "0", True, False, 1.0, None))
    return {"response_code": code, "positives": chance.choice((0, 1, 54)), "total": chance.choice((0, 1, 60))}


def _texts_that_disagree(_, chance):
    texts = (
        "Scan request successfully queued, come back later for the report",
        "The requested resource is not among the finished, queued or pending scans",
        "Your resource is queued for analysis",
        "Invalid URL, the scan request was not queued",
        "Missing IP address",
        "Scan finished, information embedded",
    )
    return {"verbose_msg": chance.choice(texts)}


def _echoes(report, chance):
    """The echo of what was asked in another spelling, or of what is almost the same."""
    echo = report.get("resource") if isinstance(report.get("resource"), str) else "http://example.com/a"
    spelled = (
        echo.upper(),
        f" {echo}",
        f"{echo}\n",
        f"{echo}\0",
        f"{echo}/",
        f"{echo}0",
        echo[:-1],
        echo.replace("a", "%61"),
        echo.replace("/", "%2F"),
        echo.replace("/a", "/%2561"),
        echo.replace("e", "\u0435"),
        echo.replace("http:", "https:"),
        f"{echo},{OTHER}",
        [echo],
        [OTHER],
        {"resource": OTHER},
        54,
    )
    return {"resource": chance.choice(spelled)}


def _dates_that_disagree(report, chance):
    """Of everything that was seen at a host, or of the scan."""
    date = chance.choice(DATES)
    changed = {"scan_date": date} if "scan_date" in report else {}
    for key, value in report.items():
        if "detected_" in key and isinstance(value, list):
            entries = [one for one in value if isinstance(one, dict)]
            changed[key] = [one | dict.fromkeys(("date", "scan_date"), date) for one in entries]
    return changed


def _lists_that_disagree(report, chance):
    """Flags where none belong, none where they do, a list for an object, and more entries than VirusTotal sends."""
    keys = [key for key, value in report.items() if "detected_" in key and isinstance(value, list) and value]
    key = chance.choice(keys or ["detected_urls"])
    entries = report.get(key) if keys else [{"url": "http://evil.com/", "positives": 0, "total": 60}]
    entry = entries[0]
    return chance.choice(
        (
            {key: [{"positives": 0, "total": 60, "url": "x", "sha256": SHA}]},
            {key: [{"positives": 54, "total": 60, "url": "x", "sha256": SHA}]},
            {key: entries * 101},
            {key: {str(place): one for place, one in enumerate(entries)}},
            {key: [entries]},
            {
                key: [
                    entry
                    if isinstance(entry, list)
                    else list(entry.values())
                    if isinstance(entry, dict)
                    else 0
                ]
            },
            {"detected_similar_samples": [{"positives": 54, "total": 60, "sha256": SHA}]},
            {key.removeprefix("un"): entries, key: []},
        )
    )


def _engines_in_a_list(report, chance):
    scans = report.get("scans")
    if not isinstance(scans, dict):
        return {"scans": [{"detected": True}]}
    return chance.choice(
        (
            {"scans": list(scans.values())},
            {"scans": [scans]},
            {"scans": {name: [one] for name, one in scans.items()}},
            {"scans": {name: one.get("detected") for name, one in scans.items() if isinstance(one, dict)}},
        )
    )


def _wrappings(report, chance):
    """The report at another level, twice, or beside another."""
    other = {"response_code": 1, "resource": OTHER, "positives": 54, "total": 60}
    whole = chance.choice(
        (
            {"data": report},
            [report],
            [[report]],
            [report, report],
            [report, other],
            [other, report],
            {"0": report},
            [report, report | {"positives": 54}],
            {"response_code": 1, "report": report},
        )
    )
    return {"whole": whole}


_CONTRADICTIONS = (
    _counts_that_disagree,
    _counts_that_disagree,
    _codes_that_disagree,
    _texts_that_disagree,
    _echoes,
    _echoes,
    _dates_that_disagree,
    _lists_that_disagree,
    _lists_that_disagree,
    _engines_in_a_list,
    _wrappings,
)
