"""All rules: their codes, names, reasons, and what to do instead.

A code is never used for another rule. The modules beside this one say when a rule is broken.
"""

from perdure.infrastructure.lint.findings import Rule

ALL = (
    Rule(
        "PD001",
        "needless-ignore",
        "A comment that switches off what is not found hides the next finding on its line.",
        "take the comment away",
    ),
    Rule(
        "PD101",
        "clock",
        "A body runs again from the start whenever it is recovered, and would see another time.",
        "use perdure.now() or time_left(), or read the clock in an activity",
    ),
    Rule(
        "PD102",
        "randomness",
        "A body that is recovered would draw other numbers than those that it acted on.",
        "use perdure.random(), or draw in an activity",
    ),
    Rule(
        "PD103",
        "identifiers",
        "A body that is recovered would make another id than the one that it handed out.",
        "use perdure.uuid4(), or make the id in an activity",
    ),
    Rule(
        "PD104",
        "input-and-output",
        "What a body reads or writes is not recorded: it happens again, and may differ.",
        "do it in an activity",
    ),
    Rule(
        "PD105",
        "environment",
        "The environment may differ where and when a body is recovered.",
        "put the value into the request, or read it in an activity",
    ),
    Rule(
        "PD106",
        "threads-and-processes",
        "Nothing tells in which order threads run, so no replay can repeat it.",
        "do it in an activity; a sync one runs in a thread of its own",
    ),
    Rule(
        "PD107",
        "blocking-sleep",
        "It stops every execution of the process, and is forgotten by a crash.",
        "use await asyncio.sleep(...), which is a durable timer in a body",
    ),
    Rule(
        "PD108",
        "output",
        "A replay writes the same lines again.",
        "use perdure.logger, whose lines appear once",
    ),
    Rule(
        "PD109",
        "global-state",
        "Other executions and replays change it too, and a crash forgets it.",
        "keep it in a variable of the body, or change it in an activity",
    ),
    Rule(
        "PD110",
        "order-of-a-set",
        "The order of a set differs from process to process.",
        "use sorted(...), a list or a dict",
    ),
    Rule(
        "PD111",
        "hash-or-id",
        "hash() of text and id() differ from process to process.",
        "compare the values themselves, or use hashlib",
    ),
    Rule(
        "PD112",
        "not-awaited",
        "A call that nobody awaits is never carried out, or dropped when the body ends.",
        "await it, or gather it with others",
    ),
    Rule(
        "PD113",
        "swallowed-dismissal",
        "It catches what ends a body from outside: dismissal and cancellation.",
        "catch Exception, or end the handler with a bare raise",
    ),
    Rule(
        "PD114",
        "compensation-called",
        "The engine runs compensations when it rolls back; in a body the call raises.",
        "raise a failure to have it rolled back, or make the undo an activity of its own",
    ),
    Rule(
        "PD115",
        "unrecorded-function",
        "The undecorated function runs in the body itself: unrecorded, and again in each replay.",
        "call the activity, not its .function",
    ),
    Rule(
        "PD116",
        "engine-in-a-body",
        "Engines, clients and calls of other workflows are not recorded, or raise.",
        "do it in an activity, or outside the workflow",
    ),
    Rule(
        "PD201",
        "effect-without-undo",
        "When a later step fails, the workflow ends in failure and this effect stays.",
        "declare its compensation, or make it the last step or the pivot",
    ),
    Rule(
        "PD202",
        "failure-after-pivot",
        "Past the pivot nothing is rolled back: the failure leaves the execution suspended.",
        "catch the failure and go another way, or do this step before the pivot",
    ),
    Rule(
        "PD203",
        "compensation-that-fails",
        "A failure that a compensation declares leaves the execution stuck, half undone.",
        "let it succeed in another way, or raise an error that is no Failure to try it again",
    ),
    Rule(
        "PD204",
        "undo-of-nothing-in-particular",
        "It has nothing by which to find what it is to undo.",
        "take a parameter or the result, or read current_activity().undoes",
    ),
    Rule(
        "PD205",
        "effect-without-key",
        "A second attempt after a lost answer has the effect twice.",
        "send current_activity().idempotency_key along",
    ),
)
RULES = {rule.code: rule for rule in ALL}
