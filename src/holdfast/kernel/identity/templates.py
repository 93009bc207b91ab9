# ruff: noqa: RUF001 - Arabic letters are meant
"""What letters about an account say, in English and Arabic."""

from collections.abc import Mapping

#: template -> language -> (subject, text); fields: name, link, code, minutes
LETTERS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "verify_email": {
        "en": (
            "Confirm your e-mail address",
            (
                "Hello {name},\n\nplease confirm that this address is yours:\n\n{link}\n\n"
                "If you did not ask for this, leave this letter alone.\n"
            ),
        ),
        "ar": (
            "تأكيد بريدك الإلكتروني",
            "مرحبًا {name}،\n\nيرجى تأكيد أن هذا العنوان لك:\n\n{link}\n\nإذا لم تطلب ذلك فتجاهل هذه الرسالة.\n",
        ),
    },
    "reset_password": {
        "en": (
            "Choose a new password",
            (
                "Hello {name},\n\nchoose a new password here within {minutes} minutes:\n\n{link}\n\n"
                "If you did not ask for this, nothing changes.\n"
            ),
        ),
        "ar": (
            "اختيار كلمة مرور جديدة",
            (
                "مرحبًا {name}،\n\nاختر كلمة مرور جديدة هنا خلال {minutes} دقيقة:\n\n{link}\n\n"
                "إذا لم تطلب ذلك فلن يتغير شيء.\n"
            ),
        ),
    },
    "verify_phone": {
        "en": ("Your code", "Your code is {code}. It is good for {minutes} minutes. Tell it to nobody."),
        "ar": ("رمزك", "رمزك هو {code}، وهو صالح لمدة {minutes} دقائق. لا تخبر به أحدًا."),
    },
    "password_changed": {
        "en": (
            "Your password was changed",
            (
                "Hello {name},\n\nyour password was changed and every device was signed out. "
                "If this was not you, choose a new password at once:\n\n{link}\n"
            ),
        ),
        "ar": (
            "تم تغيير كلمة المرور",
            (
                "مرحبًا {name}،\n\nتم تغيير كلمة مرورك وتسجيل الخروج من كل الأجهزة. "
                "إذا لم تكن أنت فاختر كلمة مرور جديدة فورًا:\n\n{link}\n"
            ),
        ),
    },
    "email_changed": {
        "en": (
            "Your e-mail address was changed",
            (
                "Hello {name},\n\nyour account has another e-mail address now and every device was signed out. "
                "If this was not you, write to us.\n"
            ),
        ),
        "ar": (
            "تم تغيير بريدك الإلكتروني",
            "مرحبًا {name}،\n\nأصبح لحسابك بريد إلكتروني آخر وتم تسجيل الخروج من كل الأجهزة. إذا لم تكن أنت فراسلنا.\n",
        ),
    },
    "phone_changed": {
        "en": (
            "Your phone number was changed",
            (
                "Your account has another phone number now and every device was signed out. If this was not you, "
                "write to us."
            ),
        ),
        "ar": (
            "تم تغيير رقم هاتفك",
            "أصبح لحسابك رقم هاتف آخر وتم تسجيل الخروج من كل الأجهزة. إذا لم تكن أنت فراسلنا.",
        ),
    },
}


def written(template: str, *, locale: str, **fields: str) -> tuple[str, str]:
    """(subject, text) in the language of `locale`, English where we don't speak it."""
    languages = LETTERS[template]
    subject, text = languages.get(locale.partition("-")[0], languages["en"])
    return subject, text.format(**fields)
