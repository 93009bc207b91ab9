"""Compare text as people do: without regard to case, accents and the many ways to write an Arabic letter."""

import unicodedata

# Letters that Unicode does not decompose, though people type the plain ones. Arabic: the forms of alef, final ya and ta
# marbuta that are commonly interchanged, the Persian ya and kaf. Marks upon letters fall away by decomposition.
_LETTERS = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "\u0131": "i",  # the Turkish letter without a dot
        "ħ": "h",
        "\u0671": "\u0627",  # alef wasla -> alef
        "\u0649": "\u064a",  # alef maksura -> ya
        "\u0629": "\u0647",  # ta marbuta -> ha
        "\u06cc": "\u064a",  # Persian ya -> ya
        "\u06a9": "\u0643",  # Persian kaf -> kaf
        "\u0640": "",  # tatweel
        "'": "",
        "\u2018": "",
        "\u2019": "",
        "\u02bc": "",
        "`": "",
    }
)


def match_key(text: str) -> str:
    """The key under which two spellings of a name are the same: for `_key` columns, which databases compare by bytes.

    "São  Paulo" and "SAO PAULO", "Al-Minya" and "al minya", "الإسكندرية" and "الاسكندريه", "٣" and "3". Marks,
    apostrophes and invisible characters fall away; dashes and white space become one space. Applying it twice changes
    nothing.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(_LETTERS)
    return " ".join("".join(map(_plain, folded)).split())


def _plain(letter: str) -> str:
    match unicodedata.category(letter):
        case "Mn" | "Me" | "Cf" | "Cc" if not letter.isspace():
            return ""
        case "Pd":
            return " "
        case "Nd":
            return str(unicodedata.digit(letter))
    return letter
