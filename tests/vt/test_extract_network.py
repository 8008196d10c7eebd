"""What firewalls, proxies, captures and sockets write: addresses beside ports, networks and versions."""

import pytest

from tests.support.values import found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "%ASA-6-302013: Built inbound TCP connection 3263493120 for DMZ:192.0.2.44/5802 (192.0.2.44/5802) to SERVERS:10.10.227.121/80 (203.0.113.5/80)",
            ["ipv4 192.0.2.44", "ipv4 10.10.227.121", "ipv4 203.0.113.5"],
        ),
        (
            "%ASA-6-302304: Teardown TCP state-bypass connection 2751765169 from srv.lan:1.2.3.4/54242 to srv.lan:2.3.4.5/9101 duration  1:00:02 bytes 245 Connection timeout",
            ["ipv4 1.2.3.4", "ipv4 2.3.4.5"],
        ),
        (
            "%ASA-6-302020: Built inbound ICMP connection for faddr 185.220.101.7/0 gaddr 203.0.113.2/0 laddr 10.0.0.9/0",
            ["ipv4 185.220.101.7", "ipv4 203.0.113.2", "ipv4 10.0.0.9"],
        ),
        (
            "%ASA-6-106015: Deny TCP (no connection) from 89.160.20.128/56594 to 91.219.236.14/25 flags FIN ACK on interface outside",
            ["ipv4 89.160.20.128", "ipv4 91.219.236.14"],
        ),
        (
            "%ASA-6-305011: Built dynamic TCP translation from inside:10.0.0.5/49152(LOCAL\\jdoe) to outside:203.0.113.1/49152",
            ["ipv4 10.0.0.5", "ipv4 203.0.113.1"],
        ),
        ("%ASA-7-609001: Built local-host outside:192.0.2.42", ["ipv4 192.0.2.42"]),
        (
            "%ASA-6-302015: Built outbound UDP connection 7 for outside:2a02:6b8::feed:ff/53 (2a02:6b8::feed:ff/53) to inside:2a02:6b8:1::77/48347",
            ["ipv6 2a02:6b8::feed:ff", "ipv6 2a02:6b8:1::77"],
        ),
        (
            '%FTD-4-106023: Deny udp src outside:193.29.187.49/123 dst dmz-1:198.51.100.0/25 by access-group "acl" [0x0, 0x0]',
            ["ipv4 193.29.187.49", "ipv4 198.51.100.0"],
        ),
        (
            "%SEC-6-IPACCESSLOGP: list 101 denied tcp 45.83.122.10(41234) -> 10.0.0.5(22), 1 packet",
            ["ipv4 45.83.122.10", "ipv4 10.0.0.5"],
        ),
        (
            "RT_FLOW_SESSION_CREATE: session created 192.168.10.30/57380->8.8.8.8/53 0x0 junos-dns-udp 10.20.0.10/18508->8.8.8.8/53 0x0",
            ["ipv4 192.168.10.30", "ipv4 8.8.8.8", "ipv4 10.20.0.10"],
        ),
        (
            "In: 45.83.122.10/2048 --> 91.219.236.14/1;icmp, If: ge-0/0/0.0, Pkts: 1\nOut: 91.219.236.14/1 --> 45.83.122.10/2048;icmp",
            ["ipv4 45.83.122.10", "ipv4 91.219.236.14"],
        ),
        (
            "IKE Version: 1, Gateway: GW1, Local: 10.8.10.115/9001, Remote: 89.160.20.112/500, VR-ID: 6",
            ["ipv4 10.8.10.115", "ipv4 89.160.20.112"],
        ),
        ("45.83.122.10[41234]/untrust/6  (198.51.100.9[41234])", ["ipv4 45.83.122.10", "ipv4 198.51.100.9"]),
        ("flow 45.83.122.10[41234]-->10.0.0.5[22] proto 6", ["ipv4 45.83.122.10", "ipv4 10.0.0.5"]),
        (
            "[UFW BLOCK] IN=eth0 OUT= MAC=aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:08:00 SRC=45.83.122.10 DST=10.0.0.5 LEN=60 PROTO=TCP SPT=41234 DPT=22 WINDOW=64240 SYN URGP=0",
            ["ipv4 45.83.122.10", "ipv4 10.0.0.5"],
        ),
        ("iptables -A INPUT -s 45.83.122.10/32 -p tcp --dport 22 -j DROP", ["ipv4 45.83.122.10"]),
        ("iptables -A INPUT -s 45.83.122.0/24 -d 198.51.100.0/255.255.255.0 -j DROP", []),
        (
            "-A PREROUTING -d 198.51.100.9/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.5:8080",
            ["ipv4 198.51.100.9", "ipv4 10.0.0.5"],
        ),
        ("ACCEPT tcp -- 45.83.122.10/255.255.255.255 0.0.0.0/0 tcp dpt:22", ["ipv4 45.83.122.10"]),
        (
            "firewall,info input: in:ether1 out:(unknown 0), proto TCP (SYN), 45.83.122.10:41234->10.0.0.5:22, len 60",
            ["ipv4 45.83.122.10", "ipv4 10.0.0.5"],
        ),
        (
            "deny 45.83.122.10:443/tcp, 45.83.122.11/443/tcp and 45.83.122.12/udp",
            ["ipv4 45.83.122.10", "ipv4 45.83.122.11", "ipv4 45.83.122.12"],
        ),
        (
            "srcip=45.83.122.10 srcport=41234 dstip=10.0.0.5 dstport=22 src=45.83.122.13:41234:X1 dst=10.0.0.6:22:X0",
            ["ipv4 45.83.122.10", "ipv4 10.0.0.5", "ipv4 45.83.122.13", "ipv4 10.0.0.6"],
        ),
        (
            "conntrack: tcp 6 431999 ESTABLISHED src=45.83.122.10 dst=10.0.0.5 sport=41234 dport=22",
            ["ipv4 45.83.122.10", "ipv4 10.0.0.5"],
        ),
        ("evil-cdn.com:443/tcp open", ["domain evil-cdn.com"]),
        ("networks 45.83.122.0/24, 91.219.236.0/22, 10.0.0.0/8, 2a02:6b8::/32 and 0.0.0.0/0", []),
        ("netmask 255.255.255.0, broadcast 255.255.255.255, wildcard 0.0.0.255", []),
        ("inet 45.83.122.10/24 brd 45.83.122.255 scope global", ["ipv4 45.83.122.10", "ipv4 45.83.122.255"]),
        (
            "45.83.122.10/gate.php 45.83.122.10/22/x 45.83.122.10:8080/443/a.bin 45.83.122.10/2024?id=1",
            [
                "url http://45.83.122.10/gate.php",
                "url http://45.83.122.10/22/x",
                "url http://45.83.122.10:8080/443/a.bin",
                "url http://45.83.122.10/2024?id=1",
            ],
        ),
        (
            "http://45.83.122.10/41234 and http://45.83.122.10/22 and hxxp://45.83.122[.]10:443/tcp",
            [
                "url http://45.83.122.10/41234",
                "url http://45.83.122.10/22",
                "url http://45.83.122.10:443/tcp",
            ],
        ),
        ("45[.]83[.]122[.]10/41234 was dropped", ["ipv4 45.83.122.10"]),
        (
            '<190>date=2026-11-27 devname=FG100 type=traffic srcip=45.83.122.10 dstip=91.219.236.14 service="tcp/8443"',
            ["ipv4 45.83.122.10", "ipv4 91.219.236.14"],
        ),
        (
            "Deny inbound UDP from 45.83.122.10/53 to 198.51.100.2/53 due to DNS Response",
            ["ipv4 45.83.122.10", "ipv4 198.51.100.2"],
        ),
        ("access-list outside_in extended deny ip 45.83.122.0 255.255.254.0 any", ["ipv4 45.83.122.0"]),
        ("tcp/45.83.122.10/443 udp/91.219.236.14:53", ["ipv4 45.83.122.10", "ipv4 91.219.236.14"]),
        ("(45.83.122.10/41234)", ["ipv4 45.83.122.10"]),
        ("permit tcp host 45.83.122.10 eq 443", ["ipv4 45.83.122.10"]),
        (
            "45.83.122.10/41234, 45.83.122.11/80; 45.83.122.12/22.",
            ["ipv4 45.83.122.10", "ipv4 45.83.122.11", "ipv4 45.83.122.12"],
        ),
    ],
)
def test_the_port_of_a_firewall_is_not_a_path_and_a_network_is_not_an_address(text, expected):
    """An address with a port in a notation of Cisco, Juniper, Palo Alto, iptables and others is found; networks are not."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "22:59:52.035854 IP 10.0.2.15.59170 > bud02s22-in-f196.1e100.net.https: Flags [P.], seq 2068573025:2068573116, length 91",
            ["ipv4 10.0.2.15", "domain bud02s22-in-f196.1e100.net"],
        ),
        (
            "13:48:40.371849 IP 10.0.2.15.47812 > 139.178.84.217.443: Flags [P.], length 517: TLSv1.0: Client Hello (SNI=kernel.org)",
            ["ipv4 10.0.2.15", "ipv4 139.178.84.217", "domain kernel.org"],
        ),
        (
            "21:46:19.695567 IP 10.10.1.10.55130 &gt; 10.10.1.199.49154: Flags [S], seq 3230403372",
            ["ipv4 10.10.1.10", "ipv4 10.10.1.199"],
        ),
        (
            "IP (tos 0x0, ttl 64, id 1, offset 0, flags [DF], proto TCP (6), length 60)\n    10.0.0.5.52310 > 45.83.122.13.443: Flags [S], cksum 0x1",
            ["ipv4 10.0.0.5", "ipv4 45.83.122.13"],
        ),
        (
            "12:00:01.1 IP6 2a02:6b8::feed:1.52310 > 2a02:6b8::feed:2.443: Flags [S]",
            ["ipv6 2a02:6b8::feed:1", "ipv6 2a02:6b8::feed:2"],
        ),
        (
            "12:00 IP 8.8.4.4.53 > 10.0.0.5.53: 4242 1/0/0 A 45.83.122.13 (48)",
            ["ipv4 8.8.4.4", "ipv4 10.0.0.5", "ipv4 45.83.122.13"],
        ),
        (
            "12:00:00 IP 10.0.0.5.ntp > 45.83.122.13.ntp: NTPv4, Client, length 48",
            ["ipv4 10.0.0.5", "ipv4 45.83.122.13"],
        ),
        ("netstat shows 10.1.1.117.4222 and 10.1.1.117.https ESTABLISHED", ["ipv4 10.1.1.117"]),
        (
            "tcp46  0  0  *.443  *.*  LISTEN\nudp4  0  0  10.0.0.5.123  45.83.122.14.123",
            ["ipv4 10.0.0.5", "ipv4 45.83.122.14"],
        ),
        (
            "10.0.0.5.22   45.83.122.14.51234  49640  0 49640  0 ESTABLISHED",
            ["ipv4 10.0.0.5", "ipv4 45.83.122.14"],
        ),
        ("tcp4 0 0 45.83.122.14.1883 *.* LISTEN", ["ipv4 45.83.122.14"]),
        ("010.000.000.005.52310-045.083.122.013.00443", ["ipv4 10.0.0.5", "ipv4 45.83.122.13"]),
        ("10.0.0.5.52310 -> 45.83.122.13.443", ["ipv4 10.0.0.5", "ipv4 45.83.122.13"]),
        (
            "tcp        0      0 10.0.0.5:22  45.83.122.14:51234  ESTABLISHED 1234/sshd",
            ["ipv4 10.0.0.5", "ipv4 45.83.122.14"],
        ),
        ("ESTAB 0 0 10.0.0.5:22 [::ffff:45.83.122.14]:51234", ["ipv4 10.0.0.5", "ipv4 45.83.122.14"]),
        ("10[.]1[.]1[.]117[.]4222 10[.]1[.]1[.]117[.]https", ["ipv4 10.1.1.117"]),
        ("oid 1.2.840.113549.1.1 and 1.3.6.1.2.1.1.5.0, iso.3.6.1.4.1.9, .1.3.6.1.4.1.311.2.1", []),
        ("Release 19.3.0.0.0 of Oracle, patched to 12.1.0.2.170418", []),
        ('junos 2636.1.1.1.2.129 [junos@2636.1.1.1.2.129 reason="TCP FIN"]', []),
        ("upgrade from 10.2.1.4.7 to 10.2.1.5.1", []),
        ("build 4.2.0.58.1 fixes 4.2.0.57.9; agent 15.2.0.4.11", []),
        ("snmpget -v2c 45.83.122.14 1.3.6.1.2.1.1.1.0", ["ipv4 45.83.122.14"]),
        ("SNMPv2-SMI::enterprises.9.9.13.1.3 = 1.3.6.1.4", []),
    ],
)
def test_captures_and_sockets_are_told_from_versions_and_object_identifiers(text, expected):
    """The port that tcpdump and netstat write after a fifth dot is not part of the address, and versions have no address."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "1677971734.079  1234 1.2.3.4 TCP_TUNNEL/200 39 CONNECT domain.xyz:443 - HIER_DIRECT/1.2.3.5 -",
            ["ipv4 1.2.3.4", "domain domain.xyz", "ipv4 1.2.3.5"],
        ),
        (
            "1600825263.965 245 10.1.0.1 CONNECT login.evil-cdn.com:443 HTTP/1.1 - 200 5809 TCP_TUNNEL ROUNDROBIN_PARENT/45.83.122.18 -",
            ["ipv4 10.1.0.1", "domain login.evil-cdn.com", "ipv4 45.83.122.18"],
        ),
        (
            "10.0.0.7 TCP_MISS HIER_DIRECT/detectportal.firefox.com 45",
            ["ipv4 10.0.0.7", "domain detectportal.firefox.com"],
        ),
        (
            "GET http://evil-cdn.com/a FIRSTUP_PARENT/proxy.evil-cdn.com text/html",
            ["url http://evil-cdn.com/a", "domain proxy.evil-cdn.com"],
        ),
        (
            "TCP_MISS/200 512 GET http://evil-cdn.com/a - DIRECT/45.83.122.18 image/gif",
            ["url http://evil-cdn.com/a", "ipv4 45.83.122.18"],
        ),
        (
            "TCP_MISS_ABORTED/000 0 GET http://evil-cdn.com/ - TIMEOUT_HIER_DIRECT/45.83.122.18 -",
            ["url http://evil-cdn.com/", "ipv4 45.83.122.18"],
        ),
        (
            "hier_direct/45.83.122.18 original_dst/45.83.122.19 PINNED/45.83.122.20 CD_SIBLING_HIT/45.83.122.21",
            ["ipv4 45.83.122.18", "ipv4 45.83.122.19", "ipv4 45.83.122.20", "ipv4 45.83.122.21"],
        ),
        (
            "Mozilla/5.0 Chrome/120.0.6.9 Safari/537.36 Edg/120.0.0.0 OPR/106.0.0.1 curl/7.88.1.2 GSA/1.2.3.4",
            [],
        ),
        ('"GET /x HTTP/1.1" python-requests/2.31.0.1 Java/17.0.0.1 nginx/1.2.3.4', []),
        (
            "java.net.ConnectException: connect to evil-cdn.com/45.83.122.18:443 refused, localhost/127.0.0.1:80, worker-3/45.83.122.19:8020",
            ["domain evil-cdn.com", "ipv4 45.83.122.18", "ipv4 127.0.0.1", "ipv4 45.83.122.19"],
        ),
        (
            "TCP_DENIED/403 4203 POST http://redirectme.zapto.org:1004/is-ready - HIER_NONE/- text/html",
            ["url http://redirectme.zapto.org:1004/is-ready"],
        ),
        (
            'upstream: "http://45.83.122.18:8080/api", host: "evil-cdn.com"',
            ["url http://45.83.122.18:8080/api", "domain evil-cdn.com"],
        ),
        (
            "10.1.2.3 TCP_MISS_TUNNEL/200 39 CONNECT 45.83.122.18:443 - DEFAULT_PARENT/45.83.122.19 -",
            ["ipv4 10.1.2.3", "ipv4 45.83.122.18", "ipv4 45.83.122.19"],
        ),
        (
            "SOURCEHASH_PARENT/45.83.122.18 CARP/45.83.122.19 SIBLING_HIT/peer.evil-cdn.com",
            ["ipv4 45.83.122.18", "ipv4 45.83.122.19", "domain peer.evil-cdn.com"],
        ),
    ],
)
def test_a_proxy_log_names_addresses_and_a_user_agent_names_versions(text, expected):
    """The word before the slash decides: a hierarchy code of Squid announces a host, the name of a product a version."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('::ffff:45.83.122.17 - - [27/Nov/2026:10:00:00] "GET / HTTP/1.1" 200', ["ipv4 45.83.122.17"]),
        ("[::ffff:45.83.122.17]:51234 and ::FFFF:2d53:7a12", ["ipv4 45.83.122.17", "ipv4 45.83.122.18"]),
        ("fail2ban: Ban ::ffff:61.4.83.52", ["ipv4 61.4.83.52"]),
        ("remoteAddress: '::ffff:45.83.122.17', port 443", ["ipv4 45.83.122.17"]),
        ("0:0:0:0:0:ffff:45.83.122.17", ["ipv4 45.83.122.17"]),
        ("::ffff:45[.]83[.]122[.]17", ["ipv4 45.83.122.17"]),
        ("::ffff:45.83.122.17:41234", ["ipv4 45.83.122.17"]),
        ("ip=::ffff:45.83.122.17,user=x", ["ipv4 45.83.122.17"]),
        ("from ::ffff:45.83.122.17/41234", ["ipv4 45.83.122.17"]),
        ("0000:0000:0000:0000:0000:ffff:2d53:7a11", ["ipv4 45.83.122.17"]),
    ],
)
def test_an_ipv4_mapped_address_is_the_ipv4_address(text, expected):
    """A dual-stack socket writes an IPv4 client as an IPv6 address; the IPv4 address is what is looked up."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "045.083.122.021, 193.029.187.049 and 008.008.008.008",
            ["ipv4 45.83.122.21", "ipv4 193.29.187.49", "ipv4 8.8.8.8"],
        ),
        ("src 045.083.122.021/41234 dst 010.000.000.005/00022", ["ipv4 45.83.122.21", "ipv4 10.0.0.5"]),
        ("045.083.122.021:8080", ["ipv4 45.83.122.21"]),
        ("01.02.03.04 on 07.11.20.26", []),
        ("http://045.083.122.021/x.bin", ["url http://45.83.122.21/x.bin"]),
        ("version 001.002.003.004, driver 031.000.101.444", []),
        ("045[.]083[.]122[.]021", ["ipv4 45.83.122.21"]),
        ("045.083.122.000/024", []),
        ("45.083.122.21 and 45.83.122.09", ["ipv4 45.83.122.21", "ipv4 45.83.122.9"]),
        ("000.000.000.000 256.001.001.001", []),
    ],
)
def test_zero_padded_octets_are_decimal(text, expected):
    """Octets that are padded to three digits are decimal numbers; dates and section numbers are not addresses."""
    assert found(text) == expected
