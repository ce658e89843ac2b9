"""The currencies of ISO 4217, today's (list one) and withdrawn ones (list three), with their decimals.

The tables are our own, so that another version of a dependency does not change which currencies are known, or how
amounts are counted.

References
----------
ISO 4217, lists one and three of 2026-01-01: https://www.six-group.com/en/products-services/financial-information/data-standards.html
List three has no minor units: they come from list one at the time when the currency was in use.
"""

from types import MappingProxyType
from typing import Final

HUNDREDTHS: Final = 2
"""The decimals of most currencies."""

_TODAY: Final = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CLF
CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT
MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS
VED VES VND VUV WST XAD XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
# Codes without a minor unit, such as gold and the special drawing right, are left out of both tables.

_WITHDRAWN_IN: Final = {
    2026: "BGN",
    2025: "ANG",
    2024: "ZWL",
    2023: "HRK SLL",
    2021: "CUC",
    2018: "VEF",
    2017: "BYR MRO STD",
    2014: "LTL LVL USS",
    2012: "ZMK",
    2011: "EEK",
    2009: "SKK TMM ZWR",
    2008: "CYP GHC MTL VEB ZWD",
    2007: "GHP SDD SIT",
    2006: "CSD MZM ZWN",
    2005: "AYM AZM ROL TRL",
    2004: "CHC MGF RUR",
    2003: "AFA BGL SRG YUM",
    2002: "ADP ATS BEF DEM ESP FIM FRF GRD IEP ITL LUF NLG PTE TPE",
    2001: "BYB TJR",
    2000: "AON AOR ECS ECV",
    1999: "XEU ZRN",
    1998: "BAD SDP",
    1997: "GWP PLZ",
    1996: "UAK",
    1995: "GEK HRD YUN ZAL",
    1994: "BRR ESB LVR ZRZ",
    1993: "BRE CSK LTT MXP UYP",
    1992: "ARA",
    1991: "AOK PEI YDD",
    1990: "ARY BEC BEL BGJ BGK BRN BUK CSJ DDM ILR ISJ LUC LUL NIC PEH ROK SUR UGW VNC YUD",
    1989: "ALK BRC GNE MVQ UYN ZWC",
    1987: "BOP UGS",
    1986: "BRB GNS GQE PES",
    1985: "ARP LSM",
    1984: "MLF",
    1983: "MTP",
    1981: "ESA GWE ILP MZE RHD",
    1979: "LAJ",
}

_OTHER_DECIMALS: Final = {
    0: """
        BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF
        ADP BEC BEF BEL BYB BYR ESA ESB ESP GRD ITL LUC LUF LUL MGF PTE TPE TRL
    """,
    3: "BHD IQD JOD KWD LYD OMR TND YDD",
    4: "CLF UYW",
}

WITHDRAWN_IN: Final = MappingProxyType(
    {code.lower(): year for year, codes in _WITHDRAWN_IN.items() for code in codes.split()}
)
"""The year in which each currency of list three was withdrawn, by its three letters in lower case."""

DECIMALS: Final = MappingProxyType(
    dict.fromkeys([*_TODAY.lower().split(), *WITHDRAWN_IN], HUNDREDTHS)
    | {code: decimals for decimals, codes in _OTHER_DECIMALS.items() for code in codes.lower().split()}
)
"""The decimals of each currency, by its three letters in lower case."""
