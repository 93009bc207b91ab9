"""The words of the checkout page, in English and Arabic."""

from collections.abc import Mapping

LANGUAGES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "direction": "ltr",
        "other": "ar",
        "other_name": "العربية",
        "title": "Secure checkout",
        "sandbox": "Test mode: no real card, no real money",
        "total": "To pay",
        "pay_before": "Pay before",
        "left": "time left",
        "minutes": "min",
        "seconds": "s",
        "card": "Card number",
        "hint": "Enter one of the test numbers below. Never enter a real card.",
        "pay": "Pay",
        "cancel": "Cancel and go back",
        "numbers": "Test numbers",
        "success": "The payment succeeds",
        "decline": "The card is declined",
        "late": "The bank captures only after the deadline",
        "silence": "The bank never answers",
        "not_a_test_number": "This is not a test number. Please use one of those listed below.",
        "open": "",
        "completed": "Paid",
        "completed_text": "Thank you. Your payment was received.",
        "processing": "Your bank is still working on it",
        "processing_text": "You will be told as soon as it answers. Please do not pay again.",
        "again": "Look again",
        "failed": "Not paid",
        "failed_text": "The payment did not go through. Nothing was charged.",
        "expired": "The time to pay is over",
        "expired_text": "This checkout has expired. Nothing was charged.",
        "unknown": "There is no such checkout",
        "unknown_text": "Please go back to the shop and begin again.",
        "back": "Back to the shop",
    },
    "ar": {
        "direction": "rtl",
        "other": "en",
        "other_name": "English",
        "title": "دفع آمن",
        "sandbox": "وضع الاختبار: لا بطاقات حقيقية ولا أموال حقيقية",
        "total": "المبلغ المطلوب",
        "pay_before": "ادفع قبل",
        "left": "الوقت المتبقي",
        "minutes": "د",
        "seconds": "ث",
        "card": "رقم البطاقة",
        "hint": "أدخل أحد أرقام الاختبار أدناه. لا تُدخل بطاقة حقيقية أبدًا.",
        "pay": "ادفع",
        "cancel": "إلغاء والعودة",
        "numbers": "أرقام الاختبار",
        "success": "تنجح عملية الدفع",
        "decline": "تُرفض البطاقة",
        "late": "يخصم البنك المبلغ بعد انتهاء المهلة",
        "silence": "لا يرد البنك أبدًا",
        "not_a_test_number": "هذا ليس رقم اختبار. يُرجى استخدام أحد الأرقام المذكورة أدناه.",
        "open": "",
        "completed": "تم الدفع",
        "completed_text": "شكرًا لك. لقد استلمنا دفعتك.",
        "processing": "ما زال البنك يعالج العملية",
        "processing_text": "سنُعلمك فور وصول الرد. يُرجى عدم الدفع مرة أخرى.",
        "again": "تحقّق مرة أخرى",
        "failed": "لم يتم الدفع",
        "failed_text": "لم تكتمل عملية الدفع ولم يُخصم أي مبلغ.",
        "expired": "انتهت مهلة الدفع",
        "expired_text": "انتهت صلاحية صفحة الدفع هذه ولم يُخصم أي مبلغ.",
        "unknown": "لا توجد صفحة دفع بهذا الرقم",
        "unknown_text": "يُرجى العودة إلى المتجر والبدء من جديد.",
        "back": "العودة إلى المتجر",
    },
}


def language(wanted: str | None, accepted: str) -> str:
    """The language asked for by name, else the first one known in an Accept-Language header, else English."""
    if wanted is not None and wanted in LANGUAGES:
        return wanted
    for part in accepted.split(",", 20)[:20]:
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in LANGUAGES:
            return code
    return "en"
