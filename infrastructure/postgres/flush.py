"""The function that stores a whole flush: fence, index, contiguity, events, envelopes, in one call.

One round trip, with the batch as arrays. It has to be called at READ COMMITTED, where each of its
statements sees what was committed before it: the fence is two statements, a lock that waits for a
takeover, and a look at the epochs after it.
"""

FENCED = "PD001"  # a shard of the flush belongs to somebody else
GAP = "PD002"  # a stream is not where an entry expects it
NOT_OPEN = "PD003"  # an envelope was settled before
ISOLATION = "PD004"

# Arrays, element by element: claims and updates are rows of executions. What belongs to a claim
# names it by its place, from 1, in `event_claims` and `settle_claims`, else it has 0 there: if the
# claim is refused it is left out, and events behind it move up.
FUNCTION = """
CREATE FUNCTION {schema}.append(
    the_runner text, the_writer integer, fence_shards integer[], fence_epochs bigint[],
    claim_shards integer[], claim_ids text[], claim_workflows text[], claim_keys text[],
    claim_states text[], claim_dues bigint[], claim_starts bigint[], claim_changes bigint[],
    claim_reasons text[], claim_tags text[],
    update_shards integer[], update_ids text[], update_states text[], update_dues bigint[],
    update_changes bigint[], update_reasons text[],
    event_shards integer[], event_ids text[], event_versions bigint[], event_topics text[],
    event_bodies bytea[], event_positions bigint[], event_epochs bigint[], event_key text,
    event_claims integer[], event_format integer,
    expected_shards integer[], expected_ids text[], expected_versions bigint[],
    settle_shards integer[], settle_ids text[], settle_times bigint[], settle_replies text[],
    settle_claims integer[]
) RETURNS text[] LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $function$
DECLARE
    claimed text[];
    taken text[] := '{{}}';
    counted integer;
    found_id text;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the transaction is %, and has to be read committed',
            current_setting('transaction_isolation') USING ERRCODE = 'PD004';
    END IF;

    PERFORM FROM {schema}.runner_writer
    WHERE runner = the_runner AND writer = the_writer FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'runner % is known no more', the_runner USING ERRCODE = 'PD001';
    END IF;
    SELECT count(*) INTO counted
    FROM unnest(fence_shards, fence_epochs) AS fence (shard, epoch)
    JOIN {schema}.shard_lease AS lease
        ON lease.shard = fence.shard AND lease.epoch = fence.epoch AND lease.owner = the_runner;
    IF counted < cardinality(fence_shards) THEN
        RAISE EXCEPTION 'runner % does not own % of these shards',
            the_runner, cardinality(fence_shards) - counted USING ERRCODE = 'PD001';
    END IF;

    IF cardinality(claim_ids) > 0 THEN
        WITH stored AS (
            INSERT INTO {schema}.executions
            SELECT claim.shard, claim.execution_id, claim.workflow, claim.key, claim.state,
                claim.due, claim.started, claim.changed, claim.reason, claim.tags::jsonb
            FROM unnest(claim_shards, claim_ids, claim_workflows, claim_keys, claim_states,
                claim_dues, claim_starts, claim_changes, claim_reasons, claim_tags)
                AS claim (shard, execution_id, workflow, key, state, due, started, changed,
                    reason, tags)
            ON CONFLICT (shard, execution_id) DO NOTHING
            RETURNING executions.execution_id
        )
        SELECT array_agg(stored.execution_id) INTO claimed FROM stored;
        IF coalesce(cardinality(claimed), 0) < cardinality(claim_ids) THEN
            SELECT array_agg(claim.id) INTO taken FROM unnest(claim_ids) AS claim (id)
            WHERE claim.id <> ALL (coalesce(claimed, '{{}}'));
        END IF;
    END IF;

    IF cardinality(update_ids) > 0 THEN
        UPDATE {schema}.executions AS execution
        SET state = change.state, due = change.due, changed = change.changed,
            reason = change.reason
        FROM unnest(update_shards, update_ids, update_states, update_dues, update_changes,
            update_reasons) AS change (shard, execution_id, state, due, changed, reason)
        WHERE execution.shard = change.shard AND execution.execution_id = change.execution_id;
    END IF;

    IF cardinality(taken) = 0 THEN
        INSERT INTO {schema}.events
            (shard, execution_id, version, topic, body, position, epoch, format, key_id)
        SELECT event.shard, event.execution_id, event.version, event.topic, event.body,
            event.position, event.epoch, event_format, event_key
        FROM unnest(event_shards, event_ids, event_versions, event_topics, event_bodies,
            event_positions, event_epochs)
            AS event (shard, execution_id, version, topic, body, position, epoch);
    ELSE
        INSERT INTO {schema}.events
            (shard, execution_id, version, topic, body, position, epoch, format, key_id)
        SELECT event.shard, event.execution_id, event.version, event.topic, event.body,
            event.head - 1 + row_number() OVER (PARTITION BY event.shard ORDER BY event.place),
            event.epoch, event_format, event_key
        FROM (
            SELECT each.*, min(each.position) OVER (PARTITION BY each.shard) AS head,
                coalesce(claim_ids[each.claim] = ANY (taken), false) AS refused
            FROM unnest(event_shards, event_ids, event_versions, event_topics, event_bodies,
                event_positions, event_epochs, event_claims) WITH ORDINALITY
                AS each (shard, execution_id, version, topic, body, position, epoch,
                    claim, place)
        ) AS event
        WHERE NOT event.refused;
    END IF;

    SELECT expected.execution_id INTO found_id
    FROM unnest(expected_shards, expected_ids, expected_versions)
        AS expected (shard, execution_id, version)
    WHERE NOT EXISTS (
        SELECT FROM {schema}.events AS event
        WHERE event.shard = expected.shard AND event.execution_id = expected.execution_id
            AND event.version = expected.version
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a gap in the stream of %', found_id USING ERRCODE = 'PD002';
    END IF;

    IF cardinality(settle_ids) > 0 THEN
        WITH settling AS (
            SELECT each.* FROM unnest(settle_shards, settle_ids, settle_times, settle_replies,
                settle_claims) AS each (shard, envelope_id, time, reply, claim)
            WHERE coalesce(claim_ids[each.claim] <> ALL (taken), true)
        ), settled AS (
            UPDATE {schema}.mailbox AS envelope
            SET settled_at = settling.time, reply = settling.reply
            FROM settling
            WHERE envelope.shard = settling.shard
                AND envelope.envelope_id = settling.envelope_id AND envelope.settled_at IS NULL
            RETURNING envelope.envelope_id
        )
        SELECT (SELECT count(*) FROM settling) - (SELECT count(*) FROM settled) INTO counted;
        IF counted > 0 THEN
            RAISE EXCEPTION 'an envelope is not open' USING ERRCODE = 'PD003';
        END IF;
    END IF;
    RETURN taken;
END
$function$
"""
