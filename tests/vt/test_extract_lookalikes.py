"""What looks like an indicator and is not one: files, versions, code, names of detections, other hashes, selectors."""

import pytest

from tests.support.values import found

JA3 = "e7d705a3286e19ea42f587b344ee6865"
JA3S = "15af977ce25de452b96affa2addb1036"
MD5 = "44d88612fea8a8f36de82e1278abb02f"
SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
SHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"


@pytest.mark.parametrize(
    "text",
    [
        "report.pdf, setup.py, main.rs, README.md, deploy.sh, logs.zip, clip.mov, invoice.pdf.zip",
        "C:\\Users\\bob\\evil.com\\a.exe and ./src/lib.rs and /opt/Safari.app",
        "v7.21.0.15, version 10.2.3.4, firmware from 9.1.0.3 to 9.1.0.7; chrome/120.0.6.9 foo==1.2.3.4",
        "OID 1.3.6.1.4.1.9 and 1.2.3.4.5 and 256.1.1.1 and 01.02.03.04",
        "10:32:11.123 at 2026-11-21T10:32:11Z, ratio 1:2:3",
        "AB:F2:C9:A6:B3:4F acf2.c9a6.b34f 50:06:01:60:3b:a0:12:34",
        "serial 0f:e9:73:75:20:22:a6:06:ad:f2:a3:6e:34:5d:c0:ed",
        "550e8400-e29b-41d4-a716-446655440000 and 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        f"sha512 {SHA256}{SHA256}, short {MD5[:-1]}, joined x{MD5}",
        f"imphash: {MD5}, JA3={MD5}, trace_id={MD5}, api key: {SHA256}",
        f"fixed in commit {SHA1}, HEAD is now at {SHA1}, actions/checkout@{SHA1}",
        "it is down again.Is anyone here? fixed.Now testing. Moscow.In July. e.g. this, U.S. firms",
        "foo.bar.baz() os.path.join self.id user.name=x dns.question.name datetime.now() logger.info('x')",
        "self.data = x.name; Color.RED, logging.INFO, key.events, @app.run, xs[1::2], listen [::]:80",
        "1.0.0.127.in-addr.arpa is 0.3.2.6 reversed",
        "java.io.IOException at com.acme.app.Main.run(Main.java:42), package com.acme.mail.app",
        "std::string abc::def Foo::Bar arn:aws:iam::123456789012:role/x",
        "ASP.NET, VB.NET, System.IO, the .NET runtime, .com domains",
        "Trojan.Win32.Agent.ws, Win32/Emotet.AC, W32.Ramnit.B, TEMP.Veles",
        "24:VGXGP7L5e/Ixt3af/WKPPaYpzg4m3XWMCsXNCRs0:kYDxcfPZpelCs9Cm0",
        "91.92.240.0/24 and 2a00:1450::/32 are theirs",
        "postgres://app:pw@db.prod.internal/main file:///C:/a.com s3://bucket/a.com http://intranet/a.com",
        "lodash@4.17.21 me@localhost @here 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "COM net us co.uk example.example b.invalid a_b.com",
    ],
)
def test_what_only_looks_like_one_is_left_alone(text):
    """Files, versions, times, numbers, code, sentences, detections, networks and other hashes are not indicators."""
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Trojan:Win32/WinLNK.CJ!MTB, Trojan:Script/Wacatac.B!ml, Trojan:Win32/Sabsik.FL.A!ml", []),
        ("Gen:Trojan.Heur.FU.@JZ@aGLZuBhi and Gen:Variant.Razy.394367, Trojan.Malware.300983.susgen", []),
        ("HEUR:TROJAN.WIN32.AGENT.IO; UDS:DANGEROUSOBJECT.MULTI.GENERIC", []),
        ("TROJ_GEN.R002C0DK, WORM_DOWNAD.AD, TROJ_FAKEAV.IN, PE_SALITY.ER, HTML_PHISH.SM", []),
        (
            "W32/AGENT.AC!tr, VBA/AGENT.CO!tr.dldr, JS/NEMUCOD.ME!tr, Linux/MIRAI.IT!tr.bdr, Riskware/NIRCMD.IN",
            [],
        ),
        ("W97M.DOWNLOADER.AR X97M.LAROUX.CF W32.SALITY.AE Backdoor.Cobalt.IO", []),
        ("TR/CRYPT.XPACK.GEN BDS/BOT.IN ADWARE/BROWSEFOX.IT Mal/EncPk.CO", []),
        ("a variant of MSIL/KRYPTIK.ID, a variant of Win32/INJECTOR.CO", []),
        ("w64/nightowl.ca!tr win32/emotet.ac", []),
        ("Android/BANKER.IN!tr and Artemis!1234567890AB", []),
        (
            "detected on EVIL-CDN.COM and BAD-CDN.NET as W32/X.CC!tr",
            ["domain evil-cdn.com", "domain bad-cdn.net"],
        ),
        (
            "Malware: evil-cdn.com, virus:evil-cdn.net, phishing/evil-cdn.org",
            ["domain evil-cdn.com", "domain evil-cdn.net", "domain evil-cdn.org"],
        ),
        ("MSIL/PACKED.IT", []),
        ("PUA.WIN32.COINMINER.CO Exploit.CVE-2017-11882.GEN Ransom.Win64.LOCKBIT.SM", []),
        ("TrojanDownloader:O97M/EMOTET.PR!MTB", []),
        ("not-a-virus:RiskTool.Win32.BitMiner.IN", []),
        ("Win.Malware.Ursu-9887615-0 Unix.Trojan.Mirai.IN", []),
    ],
)
def test_names_of_detections_are_not_hosts(text, expected):
    """The names that engines give to malware are not hosts, in capitals or not."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f'{{"tls":{{"ja3":{{"hash":"{JA3}","string":"771,4865-4866-4867,0-23-65281,29-23-24,0"}},"ja3s":{{"hash":"{JA3S}","string":"771,4865,51-43"}}}}}}',
            [],
        ),
        (
            f'"ja3":{{"string":"771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,0-23-65281-10-11-35-16-5-13-18-51-45-43-27-21,29-23-24,0","hash":"{JA3}"}},"md5":"{MD5}"',
            [f"md5 {MD5}"],
        ),
        (f"ja3_hash={JA3} ja3s_hash={JA3S} md5={MD5}", [f"md5 {MD5}"]),
        (f"tls.client.ja3: {JA3} tls.server.ja3s: {JA3S}", []),
        (f"{{'ja3': {{'client': {{'hash': '{JA3}'}}, 'server': {{'hash': '{JA3S}'}}}}}}", []),
        (f'"fingerprints":{{"ja3":"{JA3}","ja3s":"{JA3S}"}},"file":{{"md5":"{MD5}"}}', [f"md5 {MD5}"]),
        (f'"ja3_hashes":["{JA3}","{JA3S}"],"hashes":["{MD5}"]', [f"md5 {MD5}"]),
        (f"JA3 fingerprint: {JA3}, JA3S digest is {JA3S}", []),
        (f"ja3:\n  hash: {JA3}\nja3s:\n  hash: {JA3S}\nmd5: {MD5}", [f"md5 {MD5}"]),
        (f"<ja3><hash>{JA3}</hash></ja3><ja3s>{JA3S}</ja3s><md5>{MD5}</md5>", [f"md5 {MD5}"]),
        (
            f'{{"type":"ja3-fingerprint-md5","category":"Network activity","value":"{JA3}"}},{{"type":"md5","value":"{MD5}"}}',
            [f"md5 {MD5}"],
        ),
        (
            f'{{"value":"{JA3}","type":"ja3-fingerprint-md5"}},{{"value":"{MD5}","type":"md5"}}',
            [f"md5 {MD5}"],
        ),
        (f"{JA3} (JA3) and {JA3S} (JA3S), file {MD5}", [f"md5 {MD5}"]),
        (f"[network-traffic:extensions.'tls-ext'.ja3 = '{JA3}']", []),
        (f"JA3: {JA3}, {JA3S} and {JA3}", []),
        (f"| ja3 | {JA3} |\n| ja3s | {JA3S} |\n| md5 | {MD5} |", [f"md5 {MD5}"]),
        (f'"hassh":"{JA3}","hasshServer":"{JA3S}"', []),
        (f"clientJa3Hash={JA3}&md5={MD5}", [f"md5 {MD5}"]),
        (f'"ja3":"","md5":"{MD5}"', [f"md5 {MD5}"]),
        (f'"ja3":null,"ja3s":null,"md5":"{MD5}"', [f"md5 {MD5}"]),
        (
            f'"ja3" : {{\n    "fingerprint" : "{JA3}",\n    "desc" : "Cobalt Strike"\n  }}\n "hash" : "{MD5}"',
            [f"md5 {MD5}"],
        ),
        (f'suricata: ja3.hash; content:"{JA3}"; sid:1;', []),
        (f"we saw ja3 in the logs. The file {MD5} was dropped", [f"md5 {MD5}"]),
    ],
)
def test_fingerprints_of_clients_are_not_file_hashes(text, expected):
    """JA3, JA3S and HASSH have the form of an MD5; they are left out in whatever structure, file hashes beside them are not."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".btn.click:hover{color:#fff} .nav.email > li.link{margin:0}", []),
        ("div.card.link,\nspan.tag.live { display: none; }", []),
        ("#main .item.date { font-size: 12px }", []),
        ("document.querySelector('.container.live') and $('div.card.click').show()", []),
        ("a.link:hover, td.email, .row.info::before", []),
        (".alert.info{}\n.menu.open{visibility:hidden}", []),
        ("selector div.card.click matched td.email", []),
        (
            "open evil.live and bad.click{x}, .bad.net *.evil.email",
            ["domain evil.live", "domain bad.click", "domain bad.net", "domain evil.email"],
        ),
        (
            "@import url(http://evil-cdn.com/a.css); body{background:url('http://evil-cdn.com/b.png')}",
            ["url http://evil-cdn.com/a.css", "url http://evil-cdn.com/b.png"],
        ),
        (
            "img.evil.xyz and form.evil.top and mail.evil.live",
            ["domain img.evil.xyz", "domain form.evil.top", "domain mail.evil.live"],
        ),
        ('<div class="card live"> h1.title.top ul.menu.new li.item.black', []),
        ("input.form.search[type=text]{border:0}", []),
        (".col.center .text.red .bg.black{ -webkit-box-flex:1 }", []),
        ("page.locator('button.submit.now')", []),
    ],
)
def test_css_selectors_are_not_hosts(text, expected):
    """Selectors in style sheets and scripts are not hosts; hosts under the same top-level domains are."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://HtTP:\\\\193[.]29[.]187[.]49\\qb.doc”", ["url http://193.29.187.49/qb.doc"]),
        ("http:// NOTICE http:// nothing", []),
        ("webClient.DownloadString(‘https://a.pomf[.]cat/ntluca.txt", ["url https://a.pomf.cat/ntluca.txt"]),
        (
            "KDFB.DownloadFile('hxxps://authenticrecordsonline[.]com/costman/dropcome.exe',",
            ["url https://authenticrecordsonline.com/costman/dropcome.exe"],
        ),
        (
            "h–p://dl[.]dropboxusercontent[.]com/s/rlqrbc1211quanl/accountinvoice.htm",
            ["url http://dl.dropboxusercontent.com/s/rlqrbc1211quanl/accountinvoice.htm"],
        ),
        ("hxxp://paclficinsight.com\xa0POST /new1/pony/gate.php", ["url http://paclficinsight.com/"]),
        ("hxxp:// 23.89.158.69/gtop", ["url http://23.89.158.69/gtop"]),
        ('h00p://bigdeal.my/gH9BUAPd/js.js"＞＜/script＞', ["url http://bigdeal.my/gH9BUAPd/js.js"]),
        (
            "hxxp://smilelikeyoumeanit2018[.]com[.]br/contact-server/,",
            ["url http://smilelikeyoumeanit2018.com.br/contact-server/"],
        ),
        ("http://http%3a%2f%2f117%2e18%2e232%2e200%2f", ["url http://117.18.232.200/"]),
        ('h00p://http://turbonacho(.)com/ocsr.html"＞', ["url http://turbonacho.com/ocsr.html"]),
        ("h00p://119", []),
        (
            "https://www.mysite.com/endpoint?param=abc--~C<http://anothersite.com/myfile.zip>",
            ["url https://www.mysite.com/endpoint?param=abc--~C", "url http://anothersite.com/myfile.zip"],
        ),
        ("DownloadString('https://example[.]com/rdp.ps1');g $I", ["url https://example.com/rdp.ps1"]),
        (
            "Foo 'https://citizenlab.ca/about/'), bar https://citizenlab.ca/x/), bar",
            ["url https://citizenlab.ca/about/", "url https://citizenlab.ca/x/"],
        ),
        (
            "url,https://groups.google.com/g/vfc9gs,Malicious Google Groups discussion",
            ["url https://groups.google.com/g/vfc9gs"],
        ),
        (
            "http://attacker.com\\@www.host.com/ http://i.xss.com\\www.example.org/foo",
            ["url http://attacker.com/@www.host.com/", "url http://i.xss.com/www.example.org/foo"],
        ),
        (
            "http:\\\\\\\\\\\\\\example.com https:///www.attacker.com/a/b https:\\www.attacker.com/a/b",
            ["url http://example.com/", "url https://www.attacker.com/a/b"],
        ),
        (
            "[url=https://outer.example.com/]hello https://inner.example.com/ world[/url]",
            ["url https://outer.example.com/", "url https://inner.example.com/"],
        ),
        (
            "http://habrahabr.ru/search/?target_type=posts&q=[perl6]&order_by=date",
            ["url http://habrahabr.ru/search/?target_type=posts&q=[perl6]&order_by=date"],
        ),
        (
            "[url=https://pad.riseup.net/p/u2s2Ko2T7_xD3aBW_N8w]https://pad.riseup.net/p/u2s2Ko2T7_xD3aBW_N8w[/url]",
            ["url https://pad.riseup.net/p/u2s2Ko2T7_xD3aBW_N8w"],
        ),
        ('ja3_hash; content:"e7eca2baf4458d095b7f45da28c16c34"; \\', []),
        ("e7eca2baf4458d095b7f45da28c16c34\tIntel::JA3\tMISP", []),
        ("e7eca2baf4458d095b7f45da28c16c34,ja3-fingerprint-md5,Network activity", []),
        (
            "89.000.094.209 192.168.1.086 010.019.020.30 198.023.39.065 1.112.042.314",
            ["ipv4 89.0.94.209", "ipv4 192.168.1.86", "ipv4 10.19.20.30", "ipv4 198.23.39.65"],
        ),
        ("For example, `10.1.1.117.4222` and `10.1.1.118.https`.", ["ipv4 10.1.1.117", "ipv4 10.1.1.118"]),
        ("iptables --append INPUT --match tcp --src 172.16.0.0/24 --sport 80 --jump DROP", []),
        (
            "0,2021/07/15 11:58:58,XXXX,TRAFFIC,drop,0,2021/07/15 11:59:02,10.210.0.84,51.11.168.232,,,DENY-ALL,,,not-applicable",
            ["ipv4 10.210.0.84", "ipv4 51.11.168.232"],
        ),
        (
            'src=172.239.105.112|dst=172.16.50.42|Miscellaneous="5.195.37.165/index.php?controller=pjAdminOrders&action=x"',
            [
                "ipv4 172.239.105.112",
                "ipv4 172.16.50.42",
                "url http://5.195.37.165/index.php?controller=pjAdminOrders&action=x",
            ],
        ),
        ("1.2.840.113549 and 0.9.2342.19200300 are parts of OIDs", []),
        ("121.234.121.241.168 v2.12.2.1", ["ipv4 121.234.121.241"]),
        (
            "[ 11.678221] IPv4: martian source 192.168.234.1 from 192.168.234.138, on dev eth0",
            ["ipv4 192.168.234.1", "ipv4 192.168.234.138"],
        ),
        (
            "haproxy[48823]: Connect from 10.99.99.99:49638 to 10.99.99.120:5000 (postgresql-rw/TCP)",
            ["ipv4 10.99.99.99", "ipv4 10.99.99.120"],
        ),
        (
            "<mailto:sympa2@listes.uclouvain.be?subject=3DDISTRIBUTE%20test-mp-srv2%20f0=\n3413866de6fd8d4413c9f9cafbea95>",
            ["email sympa2@listes.uclouvain.be"],
        ),
        ("ou envoyez un e-mail =E0 sympa@listes.evil.be avec comme sujet", ["email sympa@listes.evil.be"]),
        ("tcp://example[.]com:8989/bad", ["domain example.com"]),
        ("http://%65vil-cdn.com/x", ["url http://evil-cdn.com/x"]),
        ("infected with Gen:Trojan.Heur.FU.@JZ@aGLZuBhi. The threat", []),
        ("10=192.168.250.126,192.168.248.110,39612,161,55", ["ipv4 192.168.250.126", "ipv4 192.168.248.110"]),
        ("101.28[.]225[.]248", ["ipv4 101.28.225.248"]),
        ("16.0.0.5.1024 is version-like? 4.18.0.305.1 kernel 5.14.0.427.13", []),
    ],
)
def test_texts_of_public_reports(text, expected):
    """Texts from public issue threads about extraction are answered as those who reported them expected."""
    assert found(text) == expected
