"""Seed 004 in a table: each of its endpoints, fields, enums, workflows and rules, with the test that answers for it.

A row's `title` stands in `seed_004.txt`, the list of what the seed asks for; `test_table.py` holds the two together,
and sees that each test named here exists, is collected, and answers for one row alone. `spec` says where the
specification overrides the seed and what then holds: names, words and amounts are those of the specification.

The seed's chapter 9 has 54 endpoints over HTTP. The one socket beside them belongs to the realtime page of the
specification and to what is built with it; it is listed, and has no test as long as there is nothing to test.
"""

from tests.contract.bus_records import PART_OF, RECORDS
from tests.contract.rows import Row, rows

ROLES = rows(
    "test_roles.py",
    ("guest", "a_guest_searches_and_watches_seats_and_does_nothing_else", "is never stored: nobody signed in"),
    ("customer", "a_customer_buys_for_themselves_alone"),
    (
        "admin",
        "an_admin_runs_the_catalogue_and_watches_everything",
        "operators run the catalogue of their provider",
    ),
)

ENUMS = rows(
    "test_enums.py",
    ("UserRole", "roles_of_users", "an account is customer at least; guest is never stored; more roles exist"),
    ("BusType", "types_of_buses"),
    ("ScheduleStatus", "statuses_of_schedules"),
    ("SeatType", "types_of_seats"),
    ("SeatStatus", "statuses_of_seats"),
    ("ReservationStatus", "statuses_of_reservations"),
    ("BookingStatus", "statuses_of_bookings"),
    ("PaymentStatus", "statuses_of_payments"),
    ("PaymentMethod", "methods_of_payment", "cash, mobile_money and bank_transfer exist beside these"),
    ("TicketValidityStatus", "statuses_of_tickets"),
    ("RefundStatus", "statuses_of_refunds"),
)

ONE_TICKET_A_SEAT = "one a seat: `ticket` is the first of `tickets`"
RELATIONSHIPS = rows(
    "test_relationships.py",
    ("Schedule -> Bus", "a_schedule_has_its_bus"),
    ("Schedule -> Route", "a_schedule_has_its_route"),
    ("Seat -> Schedule", "a_seat_has_its_schedule"),
    ("Reservation -> User", "a_reservation_has_its_user"),
    ("Reservation -> Schedule", "a_reservation_has_its_schedule"),
    ("Reservationseat -> Reservation", "a_reservation_has_its_seats", PART_OF.format("reservation")),
    ("Reservationseat -> Seat", "a_seat_of_a_reservation_is_a_seat_of_the_map", PART_OF.format("reservation")),
    ("Booking -> Reservation", "a_booking_has_its_reservation"),
    ("Booking -> User", "a_booking_has_its_user"),
    ("Booking -> Schedule", "a_booking_has_its_schedule"),
    ("Bookingseat -> Booking", "a_booking_has_its_seats", PART_OF.format("booking")),
    ("Bookingseat -> Seat", "a_seat_of_a_booking_is_a_seat_of_the_map", PART_OF.format("booking")),
    ("Payment -> Booking", "a_payment_has_its_booking_and_a_booking_its_payments"),
    ("Payment -> User", "a_payment_has_its_user"),
    ("Ticket -> Booking", "a_ticket_has_its_booking", ONE_TICKET_A_SEAT),
    ("Cancellation -> Booking", "a_cancellation_has_its_booking", "`cancellation` is the last of `cancellations`"),
    ("Cancellation -> User", "a_cancellation_has_its_user"),
    ("Activitylog -> User", "a_row_of_the_log_has_its_user_or_none"),
)

OPERATORS_TOO = "operators too, for their own provider"
EDITS = "a profile alone: contacts, passwords and roles have routes of their own"
ENDPOINTS = (
    *rows(
        "test_users.py",
        ("POST /users", "anybody_may_create_an_account"),
        ("GET /users", "an_admin_lists_accounts_page_by_page"),
        ("GET /users/{id}", "an_account_is_shown_to_its_owner_and_to_admins_alone"),
        ("PUT /users/{id}", "an_account_is_changed_by_its_owner_and_by_admins", EDITS),
        ("DELETE /users/{id}", "a_deleted_account_signs_in_no_more", "its owner may too; it is deactivated and erased"),
        ("POST /users/register", "somebody_registers_as_a_customer"),
        ("POST /users/login", "somebody_signs_in_with_the_right_password_only"),
        ("GET /users/{id}/profile", "a_profile_is_shown_to_its_owner_and_to_admins_alone"),
        ("PUT /users/{id}/profile", "a_profile_is_changed_by_its_owner", EDITS),
    ),
    *rows(
        "test_catalogue.py",
        ("POST /routes", "an_admin_opens_a_route", OPERATORS_TOO),
        ("GET /routes", "anybody_lists_routes"),
        ("GET /routes/{id}", "anybody_looks_at_a_route"),
        ("PUT /routes/{id}", "an_admin_changes_a_route", OPERATORS_TOO),
        ("DELETE /routes/{id}", "a_deleted_route_is_found_no_more", OPERATORS_TOO),
        ("POST /buses", "an_admin_enters_a_bus", OPERATORS_TOO),
        ("GET /buses", "an_admin_lists_buses", OPERATORS_TOO),
        ("GET /buses/{id}", "an_admin_looks_at_a_bus", OPERATORS_TOO),
        ("PUT /buses/{id}", "an_admin_changes_a_bus", OPERATORS_TOO),
        ("DELETE /buses/{id}", "a_deleted_bus_is_found_no_more", OPERATORS_TOO),
    ),
    *rows(
        "test_schedules.py",
        ("POST /schedules", "an_admin_plans_a_schedule", OPERATORS_TOO),
        ("GET /schedules", "anybody_lists_schedules"),
        ("GET /schedules/{id}", "anybody_looks_at_a_schedule"),
        ("PUT /schedules/{id}", "an_admin_changes_a_schedule", OPERATORS_TOO),
        ("DELETE /schedules/{id}", "a_deleted_schedule_is_found_no_more", "one that is sold is cancelled instead"),
        (
            "POST /schedules/{id}/generate-seats",
            "seats_are_generated_from_the_bus",
            "409 once anything was held",
        ),
        ("GET /schedules/search", "anybody_finds_what_leaves_that_day", "the day of the zone of boarding"),
        ("GET /schedules/{id}/seats", "anybody_watches_the_seats_of_a_schedule"),
        ("GET /schedules/{id}/details", "a_schedule_is_shown_with_its_bus_route_and_seats"),
    ),
    *rows(
        "test_seats.py",
        ("POST /seats", "an_admin_adds_a_seat", OPERATORS_TOO),
        ("GET /seats", "an_admin_lists_seats", OPERATORS_TOO),
        ("GET /seats/{id}", "anybody_looks_at_a_seat"),
        ("PUT /seats/{id}", "an_admin_changes_a_seat", "one that is held or sold keeps its number and price: 409"),
        ("DELETE /seats/{id}", "a_deleted_seat_is_found_no_more", "one that is held or sold stays: 409"),
    ),
    *rows(
        "test_reservations.py",
        ("POST /reservations/create", "a_customer_reserves_seats", "by seat_ids, seat_numbers, or a count"),
        ("GET /reservations/{id}", "a_reservation_is_shown_to_its_owner_and_to_admins_alone"),
        ("DELETE /reservations/{id}", "a_customer_gives_a_reservation_back"),
        ("GET /reservations/active", "a_customer_lists_reservations_that_are_not_paid"),
        ("GET /reservations/{id}/details", "a_reservation_is_shown_with_user_schedule_and_seats"),
    ),
    *rows(
        "test_bookings.py",
        (
            "POST /bookings/create",
            "a_paid_reservation_has_one_booking",
            "shown once paid: 201, then 200",
        ),
        ("GET /bookings/{id}", "a_booking_is_shown_to_its_owner_and_to_admins_alone"),
        ("GET /bookings/history", "a_customer_lists_own_bookings"),
        (
            "POST /bookings/{id}/cancel",
            "a_customer_cancels_a_booking",
            "its refund follows through the gateway",
        ),
        ("GET /bookings/{id}/details", "a_booking_is_shown_with_all_that_belongs_to_it"),
    ),
    *rows(
        "test_payments.py",
        ("POST /payments/initiate", "a_customer_opens_a_payment", "the checkout: `payment_url` is where one pays"),
        ("POST /payments/webhook", "a_webhook_counts_by_its_signature_alone"),
        ("GET /payments/{id}", "a_payment_is_shown_to_its_owner_and_to_admins_alone"),
    ),
    *rows(
        "test_tickets.py",
        ("GET /tickets/{id}", "a_ticket_is_shown_to_its_owner_and_to_admins_alone"),
        ("GET /tickets/{id}/download", "tickets_are_downloaded_as_a_pdf", "the PDF holds all tickets of the booking"),
    ),
    *rows(
        "test_cancellations.py",
        ("GET /cancellations/{id}", "a_cancellation_is_shown_to_its_owner_and_to_admins_alone"),
        ("GET /cancellations/{id}/details", "a_cancellation_is_shown_with_its_booking_and_user"),
    ),
    *rows(
        "test_admin.py",
        ("GET /activity-logs", "an_admin_filters_the_activity_log"),
        ("GET /admin/dashboard/metrics", "an_admin_sees_the_figures_of_the_day", "money by currency and day"),
        ("GET /admin/reservations/active", "an_admin_sees_all_reservations_that_run"),
        ("POST /admin/reservations/{id}/release", "an_admin_releases_a_reservation"),
    ),
)

SOCKETS = (
    Row(
        "WS /ws/schedules/{schedule_id}/seats",
        None,
        "realtime: sockets are built with that page of the specification; until then GET /schedules/{id}/seats is live",
    ),
)

WORKFLOWS = rows(
    "test_workflows.py",
    ("registration and sign-in", "somebody_registers_and_signs_in"),
    (
        "search and choice of seats",
        "somebody_searches_and_chooses_seats",
        "seats are read again: sockets are later",
    ),
    ("reservation with locked seats", "somebody_reserves_seats_and_they_are_locked"),
    ("timeout and release", "a_reservation_times_out_and_its_seats_are_free", "free at that moment, swept or not"),
    ("payment and confirmation", "somebody_pays_and_has_a_booking_with_tickets", ONE_TICKET_A_SEAT),
    ("cancellation and refund", "somebody_cancels_and_is_paid_back", "refunded once the refund is processed"),
    ("generation of seats", "an_admin_puts_a_schedule_on_sale"),
    ("reservations watched by admins", "an_admin_watches_reservations_and_releases_one"),
)

FROM_CLAIMS = "derived from claims, never written by a client"
EDGES = "24 h and 2 h before boarding both give 50 %"
BUSINESS = (
    *rows(
        "test_business_buying.py",
        ("reservation: locked for 15 minutes", "a_reservation_lasts_exactly_15_minutes_and_nothing_extends_it"),
        ("reservation: six seats at most", "six_seats_are_reserved_and_seven_are_not"),
        ("reservation: one a customer and schedule", "a_second_reservation_on_a_schedule_is_refused_while_one_runs"),
        ("reservation: seats freed without anybody", "seats_of_a_lapsed_reservation_are_sold_to_the_next_at_once"),
        ("reservation: background job each 30 seconds", "the_sweeper_runs_each_30_seconds_and_tidies_what_lapsed"),
        ("booking: out of a live reservation only", "a_lapsed_reservation_becomes_no_booking"),
        ("booking: only once paid", "an_unpaid_or_declined_reservation_becomes_no_booking"),
        ("booking: paid amount is the total", "a_payment_of_another_amount_is_refused"),
        (
            "booking: paid within the 15 minutes",
            "nobody_pays_after_the_15_minutes",
            "none is opened in the last 2",
        ),
        (
            "booking: reference of 8 to 12",
            "references_are_8_to_12_letters_and_digits_and_differ",
            "without look-alikes",
        ),
    ),
    *rows(
        "test_business_cancelling.py",
        ("cancellation: until 2 hours before", "a_booking_is_cancelled_until_2_hours_before_departure", EDGES),
        ("cancellation: refund steps 100, 50, 0", "a_refund_follows_the_hours_left", EDGES),
        ("cancellation: seats free at once", "cancelled_seats_are_sold_again_at_once"),
        (
            "cancellation: refund never above the total",
            "refunds_of_parts_never_exceed_the_total",
            "items are cancelled too",
        ),
    ),
    *rows(
        "test_business_running.py",
        ("seat: transitions of status", "a_seat_goes_from_available_to_reserved_to_booked_or_back", FROM_CLAIMS),
        ("seat: reserved ones are protected", "a_reserved_seat_is_refused_to_others_by_its_number"),
        ("seat: never sold twice", "of_many_who_reach_for_a_seat_at_once_one_gets_it"),
        ("seat: number once a schedule", "a_seat_number_stands_once_on_a_schedule_and_again_on_another"),
        ("schedule: departs in the future", "a_schedule_never_departs_in_the_past"),
        ("schedule: arrives after departing", "a_schedule_never_arrives_before_it_departs"),
        (
            "schedule: available seats never negative",
            "a_sold_out_schedule_has_no_seats_left_and_never_fewer",
            FROM_CLAIMS,
        ),
        ("schedule: layout has total_seats", "a_bus_has_as_many_seats_as_its_layout"),
        ("admin: release by hand", "an_admin_releases_what_a_customer_holds"),
        ("admin: acts are logged with their id", "acts_of_an_admin_are_logged_with_their_id"),
        ("admin: full access", "an_admin_reads_what_customers_own"),
    ),
)

VALIDATION = (
    *rows(
        "test_validation.py",
        (
            "user: email",
            "an_email_has_to_be_one_and_to_be_unique",
            "verified ones are unique, others may repeat",
        ),
        ("user: password", "a_password_has_8_characters_of_three_kinds"),
        ("user: phone number", "a_phone_number_has_10_to_15_digits"),
        ("user: role", "nobody_chooses_a_role_and_an_unknown_one_is_not_granted", "guest is not granted: it is nobody"),
        ("schedule: departure", "a_departure_in_the_past_is_refused"),
        ("schedule: arrival", "an_arrival_before_the_departure_is_refused"),
        ("schedule: base price", "a_base_price_is_more_than_zero"),
        ("schedule: available seats", "available_seats_are_counted_and_never_bound", FROM_CLAIMS),
        ("seat: number", "a_seat_number_is_refused_twice_on_a_schedule"),
        ("seat: price modifier", "a_price_modifier_is_zero_or_more"),
        ("seat: status", "the_status_of_a_seat_is_never_bound", FROM_CLAIMS),
    ),
    *rows(
        "test_validation_of_buying.py",
        ("reservation: expiry", "the_expiry_lies_15_minutes_after_the_reservation"),
        ("reservation: total amount", "the_total_is_the_sum_of_base_prices_and_modifiers"),
        ("reservation: seat count", "a_reservation_names_one_to_six_different_seats"),
        ("reservation: one a customer", "one_customer_reserves_once_a_schedule_and_again_elsewhere"),
        ("booking: reference", "a_booking_reference_matches_its_pattern"),
        ("booking: total amount", "a_booking_costs_what_its_reservation_did"),
        ("booking: payment status", "a_payment_status_is_one_of_four_words"),
        ("booking: status", "a_booking_status_is_one_of_three_words", "a pending booking is not shown"),
        ("payment: amount", "an_amount_to_pay_is_positive_and_exact"),
        ("payment: method", "an_unknown_method_of_payment_is_refused"),
        ("payment: moment", "a_payment_has_a_moment_with_an_offset"),
        ("cancellation: window", "less_than_2_hours_before_departure_nothing_is_cancelled", EDGES),
        ("cancellation: refund amount", "a_refund_is_at_most_the_total"),
        ("cancellation: refund status", "a_refund_status_is_one_of_three_words"),
    ),
    *rows(
        "test_validation.py",
        ("general: dates", "dates_are_iso_8601_or_refused", "catalogue times may be wall times of the place"),
        ("general: ids", "ids_are_uuids_or_refused"),
        ("general: json", "json_fields_hold_json_or_are_refused"),
    ),
)

#: Every row that has no fields of its own, by the chapter of `seed_004.txt`.
CHAPTERS = {
    "5 roles": ROLES,
    "7 enums": ENUMS,
    "8 relationships": RELATIONSHIPS,
    "9 endpoints": ENDPOINTS,
    "9 sockets": SOCKETS,
    "10 workflows": WORKFLOWS,
    "11 business": BUSINESS,
    "12 validation": VALIDATION,
}

__all__ = ["CHAPTERS", "ENDPOINTS", "RECORDS", "Row"]
