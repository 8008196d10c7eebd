"""The documented example results, under their documented names, with real digests where the documents say HASH."""

from typing import Any

from playground.virustotal import replies
from playground.virustotal.hashes import Hashes

EICAR = Hashes(
    md5="44d88612fea8a8f36de82e1278abb02f",
    sha1="3395856ce81f2b7382dee72602f798b642f14140",
    sha256="275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
)
"""The anti-virus test file of eicar.org, 68 bytes."""

EICAR_SCAN = f"{EICAR.sha256}-1549381312"

FILES: dict[str, replies.Reply] = {
    EICAR.sha256: {
        "permalink": replies.permalink("file", EICAR_SCAN),
        "sha1": EICAR.sha1,
        "resource": EICAR.sha256,
        "response_code": 1,
        "scan_date": "2019-02-05 15:41:52",
        "scan_id": EICAR_SCAN,
        "verbose_msg": replies.FILE_DONE,
        "total": 60,
        "positives": 54,
        "sha256": EICAR.sha256,
        "md5": EICAR.md5,
        "scans": {
            "Bkav": {"detected": True, "version": "192.0.2.1", "result": "Trojan", "update": "20190201"},
            "MicroWorld-eScan": {
                "detected": True,
                "version": "14.0.297.0",
                "result": "Test-File",
                "update": "20190205",
            },
        },
    }
}

URL_SCAN = "0cf2d5a678d04df8af35391039407256c632e59a11736a1b53c654242ece283a-1549258134"

URLS: dict[str, replies.Reply] = {
    "http://example.php/": {
        "permalink": replies.permalink("url", URL_SCAN),
        "resource": "http://example.php",
        "url": "http://example.php",
        "response_code": 1,
        "scan_date": "2019-02-04 05:28:54",
        "scan_id": URL_SCAN,
        "verbose_msg": replies.URL_DONE,
        "filescan_id": None,
        "positives": 5,
        "total": 67,
        "scans": {
            "CLEAN MX": {"detected": False, "result": "clean site"},
            "DNS8": {"detected": False, "result": "clean site"},
        },
    }
}

ADDRESSES: dict[str, replies.Reply] = {
    "192.0.2.1": {
        "asn": 4436,
        "undetected_urls": [
            [
                "http://example.com",
                "2ed06796f95e7c1xxxxxbd68d81754acf535c999e901bfe2cf9c45612396f66",
                0,
                66,
                "2022-11-23 06:51:49",
            ]
        ],
        "undetected_downloaded_samples": [
            {
                "date": "2018-07-09 07:53:30",
                "positives": 0,
                "sha256": "6a0bf66ddc73d7e64eb2ff0dd3512c5378c0c63c2ad4e13c0e1429fe",
                "total": 60,
            }
        ],
        "country": "country",
        "response_code": 1,
        "as_owner": "Example, Inc.",
        "verbose_msg": "IP address in dataset",
        "detected_downloaded_samples": [
            {
                "date": "2023-05-20 08:38:00",
                "positives": 6,
                "sha256": "9cf5c07c99c3342d83b241c25850da0bf231ee150cb962cab1e8399cb",
                "total": 57,
            }
        ],
        "resolutions": [
            {
                "last_resolved": "2023-05-13 00:00:00",
                "hostname": "40515350444dff68-2f7735d5ad283fa41a203a082d9a8f25.example.com",
            }
        ],
        "detected_urls": [
            {"url": "http://example.com", "positives": 2, "total": 67, "scan_date": "2023-05-20 07:16:45"}
        ],
    }
}

_BADWARE = "The URL domain/host was seen to host badware at some point in time"
_WHOIS = (
    "Domain Name: EXAMPLE.CO.IN",
    "Updated Date: 2018-05-22T09:30:37Z",
    "Creation Date: 2003-06-23T14:02:33Z",
    "Registry Expiry Date: 2019-06-23T14:02:33Z",
    "Domain Status: clientDeleteProhibited",
    "Domain Status: clientTransferProhibited",
    "Domain Status: clientUpdateProhibited",
    "Registrant Country: US",
    "Name Server: NS1.EXAMPLE.COM",
    "Name Server: NS2.EXAMPLE.COM",
    "Name Server: NS3.EXAMPLE.COM",
    "Name Server: NS4.EXAMPLE.COM",
    "DNSSEC: unsigned",
)


def _sample(date: str, positives: int, total: int, sha256: str) -> dict[str, Any]:
    return {"date": date, "positives": positives, "sha256": sha256, "total": total}


DOMAINS: dict[str, replies.Reply] = {
    "example.co.in": {
        "detected_downloaded_samples": [],
        "undetected_downloaded_samples": [
            _sample(
                "2018-08-08 22:48:28",
                0,
                59,
                "ef1955ae757c8b966c83248350331bd3a30f658ced11f387f8ebf05ab3368629",
            )
        ],
        "resolutions": [{"last_resolved": "2019-01-13 03:31:09", "ip_address": "192.0.2.1"}],
        "Opera domain info": _BADWARE,
        "domain_siblings": [],
        "BitDefender domain info": _BADWARE.replace("The URL", "This URL"),
        "whois": ", n".join(_WHOIS),
        "Alexa domain info": "example.co.in is one of the top 100 sites in the world"
        " and is in the Search_Engines category",
        "verbose_msg": "Domain found in dataset",
        "BitDefender category": "searchengines",
        "undetected_referrer_samples": [
            _sample(
                "2019-02-05 13:20:39",
                0,
                71,
                "3baf9f2a2d2b152193d2af602378b71e40d381e835b0aa3111851b2f29e64f38",
            )
        ],
        "whois_timestamp": 1548379042,
        "WOT domain info": {
            "Vendor reliability": "Excellent",
            "Child safety": "Excellent",
            "Trustworthiness": "Excellent",
            "Privacy": "Excellent",
        },
        "detected_referrer_samples": [
            _sample(
                "2019-02-05 01:11:35",
                1,
                70,
                "097ea19b440441248b157698e2b23555cdf6117491b5f49f7ec8e492550cb02c",
            )
        ],
        "Forcepoint ThreatSeeker category": "search engines and portals",
        "Alexa category": "search_engines",
        "detected_communicating_samples": [
            _sample(
                "2019-01-28 23:58:13",
                30,
                70,
                "e65faa1283f8941d98dc23ff6822be228a24cb4489a5e5b01aeee749bf851658",
            )
        ],
        "TrendMicro category": "search engines portals",
        "categories": ["searchengines", "search engines and portals"],
        "undetected_urls": [
            [
                "http://example.co.in/example",
                "daed97b2c77f0f72c9e4ee45506e3e1bc4e34d7b8846246877a02779bb85dd5b",
                0,
                70,
                "2019-02-04 14:58:23",
            ]
        ],
        "response_code": 1,
        "Webutation domain info": {"Safety score": 100, "Adult content": "no", "Verdict": "safe"},
        "subdomains": ["www.example.co.in"],
        "Websense ThreatSeeker category": "search engines and portals",
        "detected_urls": [
            {
                "url": "http://example.co.in/urlURL",
                "positives": 2,
                "total": 66,
                "scan_date": "2018-01-13 00:38:35",
            }
        ],
        "Alexa rank": 100,
        "undetected_communicating_samples": [
            _sample(
                "2018-11-17 03:19:28",
                0,
                68,
                "e2a6ab7d594490c62bd3bb508dc38d7191ad48977da4d8dcce08dcb8af0070e9",
            )
        ],
        "pcaps": ["97e4a17068ce3ed01ed1c25c3d263fc0145e5ecc53b7db6f2ba84496b53d4a65"],
    }
}
