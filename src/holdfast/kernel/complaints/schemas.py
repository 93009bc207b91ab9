"""How complaints travel."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from holdfast.kernel.complaints.models import TEXT_CHARACTERS_MAX
from holdfast.kernel.complaints.values import Category, Complaint, NewComplaint, State
from holdfast.kit.fields import Answer, Body, IdField, ShortText, Text


def _said(text: str) -> str:
    if not text:
        raise PydanticCustomError("empty", "Say it in a few words.")
    return text


#: A few sentences that are not empty, kept as they were written; escaping is the page's affair.
Words = Annotated[Text, StringConstraints(max_length=TEXT_CHARACTERS_MAX), AfterValidator(_said)]


class NewComplaintBody(Body):
    """`booking_id`: one's own booking, where it is about one."""

    category: Category
    subject: ShortText
    text: Words
    booking_id: IdField | None = None

    def wanted(self) -> NewComplaint:
        return NewComplaint(self.category, self.subject, self.text, self.booking_id)


class ComplaintChange(Body):
    """A step, a note, or both: open → in_review → closed, with a note; closed → in_review takes it up again."""

    state: Literal["in_review", "closed"] | None = None
    note: Words | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "ComplaintChange":
        if self.state is None and self.note is None:
            raise PydanticCustomError("nothing_to_change", "Name a state, a note, or both.")
        return self


class ComplaintView(Answer):
    """`subject`, `text` and `note` are null once the account was erased."""

    id: UUID
    user_id: UUID
    booking_id: UUID | None
    provider_id: UUID | None
    category: Category
    subject: str | None
    text: str | None
    state: State
    note: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None

    @classmethod
    def of(cls, complaint: Complaint) -> "ComplaintView":
        return cls(
            id=complaint.id,
            user_id=complaint.user_id,
            booking_id=complaint.booking_id,
            provider_id=complaint.provider_id,
            category=complaint.category,
            subject=complaint.subject,
            text=complaint.text,
            state=complaint.state,
            note=complaint.note,
            version=complaint.version,
            created_at=complaint.created_at,
            updated_at=complaint.updated_at,
            closed_at=complaint.closed_at,
        )
