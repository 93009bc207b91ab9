"""The records of seed 004 (its chapter 6), field by field; part of the table in `bus.py`."""

from tests.contract.rows import Record

AMOUNT = "a decimal string beside currency"
PART_OF = "no record of its own: the seats of a {0} stand in it, each by seat_id"
NO_ID = PART_OF + ", with the item's number in place of an id"
ITS_TIME = PART_OF + ", with the times of the {0}"


def _record(title: str, test: str, fields: str, **spec: str) -> Record:
    kinds = dict(part.split(":") for part in fields.split())
    return Record(title, f"test_records.py::test_{test}", kinds, spec)


RECORDS = (
    _record(
        "User",
        "a_user_has_every_field",
        "id:id email:text password_hash:hidden first_name:text last_name:text phone_number:text role:text "
        "is_active:flag created_at:moment updated_at:moment",
        password_hash="is never answered",
        role="the highest of `roles`; guest is never stored",
    ),
    _record(
        "Route",
        "a_route_has_every_field",
        "id:id origin_city:text destination_city:text distance_km:number estimated_duration_minutes:count "
        "is_active:flag created_at:moment updated_at:moment",
    ),
    _record(
        "Bus",
        "a_bus_has_every_field",
        "id:id bus_number:text bus_type:text total_seats:count seat_layout_config:object amenities:object? "
        "is_active:flag created_at:moment updated_at:moment",
        bus_number="unique for each provider",
        amenities="a list of words, or an object",
    ),
    _record(
        "Schedule",
        "a_schedule_has_every_field",
        "id:id bus_id:id route_id:id departure_datetime:moment arrival_datetime:moment base_price:amount "
        "available_seats:count status:text created_at:moment updated_at:moment",
        base_price=AMOUNT,
        available_seats="counted from the claims, zero before the seats are generated",
    ),
    _record(
        "Seat",
        "a_seat_has_every_field",
        "id:id schedule_id:id seat_number:text seat_type:text price_modifier:amount status:text created_at:moment "
        "updated_at:moment",
        price_modifier=AMOUNT,
        status="derived from the claims on its legs",
    ),
    _record(
        "Reservation",
        "a_reservation_has_every_field",
        "id:id user_id:id schedule_id:id reservation_datetime:moment expiry_datetime:moment status:text "
        "total_amount:amount created_at:moment updated_at:moment",
        total_amount=AMOUNT,
    ),
    _record(
        "Reservationseat",
        "a_seat_of_a_reservation_has_every_field",
        "id:item reservation_id:parent seat_id:id created_at:of_parent updated_at:of_parent",
        id=NO_ID.format("reservation"),
        reservation_id=PART_OF.format("reservation"),
        created_at=ITS_TIME.format("reservation"),
        updated_at=ITS_TIME.format("reservation"),
    ),
    _record(
        "Booking",
        "a_booking_has_every_field",
        "id:id reservation_id:id user_id:id schedule_id:id booking_datetime:moment total_amount:amount "
        "payment_status:text booking_reference:text status:text created_at:moment updated_at:moment",
        total_amount=AMOUNT,
    ),
    _record(
        "Bookingseat",
        "a_seat_of_a_booking_has_every_field",
        "id:item booking_id:parent seat_id:id seat_number:text created_at:of_parent updated_at:of_parent",
        id=NO_ID.format("booking"),
        booking_id=PART_OF.format("booking"),
        created_at=ITS_TIME.format("booking"),
        updated_at=ITS_TIME.format("booking"),
    ),
    _record(
        "Payment",
        "a_payment_has_every_field",
        "id:id booking_id:id user_id:id amount:amount payment_method:text payment_gateway_reference:text? "
        "transaction_datetime:moment status:text created_at:moment updated_at:moment",
        amount=AMOUNT,
    ),
    _record(
        "Ticket",
        "a_ticket_has_every_field",
        "id:id booking_id:id ticket_number:text qr_code:text issue_datetime:moment validity_status:text "
        "created_at:moment updated_at:moment",
    ),
    _record(
        "Cancellation",
        "a_cancellation_has_every_field",
        "id:id booking_id:id user_id:id cancellation_datetime:moment reason:text? refund_amount:amount "
        "refund_status:text processed_at:moment? created_at:moment updated_at:moment",
        refund_amount=AMOUNT,
    ),
    _record(
        "Activitylog",
        "a_row_of_the_activity_log_has_every_field",
        "id:id entity_type:text entity_id:id user_id:id? action_type:text details:object? ip_address:text? "
        "timestamp:moment created_at:moment updated_at:moment",
    ),
)
