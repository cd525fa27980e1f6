"""Currencies of ISO 4217 and how many digits of minor units each has."""

_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC "
    "CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD "
    "KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO "
    "NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL "
    "THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG"
)
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"

MINOR_DIGITS = {code: digits for digits, codes in ((2, _TWO), (0, _NONE), (3, _THREE)) for code in codes.split()}
"""Digits after the point by currency: 2 of USD, 0 of JPY, 3 of KWD."""


def money(amount_minor: int, currency: str) -> str:
    """An amount for people, in the currency's major unit; one that is not of the list has two digits.

    >>> money(1234, "USD"), money(500, "JPY"), money(-5, "EUR")
    ('12.34 USD', '500 JPY', '-0.05 EUR')
    """
    digits = MINOR_DIGITS.get(currency, 2)
    return f"{amount_minor / 10**digits:.{digits}f} {currency}"
