-- Deliveries are partitioned by ranges of 1,000 editions, so that old ones are dropped and not deleted.
CREATE TABLE "delivery" (
	"edition_id" bigint NOT NULL,
	"seq" integer NOT NULL,
	"variant_id" bigint NOT NULL,
	"subscription_id" bigint NOT NULL,
	"subscriber_id" bigint NOT NULL,
	"start_entry_id" bigint NOT NULL,
	"state" text DEFAULT 'queued' NOT NULL,
	"attempts" smallint DEFAULT 0 NOT NULL,
	"ambiguous" boolean DEFAULT false NOT NULL,
	"reason" text,
	"reply" text,
	"first_tried_at" timestamp (3) with time zone,
	"retry_at" timestamp (3) with time zone,
	"final_at" timestamp (3) with time zone,
	CONSTRAINT "delivery_pk" PRIMARY KEY ("edition_id", "seq"),
	CONSTRAINT "delivery_subscriber" UNIQUE ("edition_id", "subscriber_id"),
	CONSTRAINT "delivery_state" CHECK ("state" IN ('queued', 'sending', 'sent', 'deferred', 'failed', 'suppressed', 'skipped', 'superseded', 'cancelled'))
) PARTITION BY RANGE ("edition_id");
--> statement-breakpoint
CREATE TABLE "delivery_0" PARTITION OF "delivery" FOR VALUES FROM (0) TO (1000) WITH (fillfactor = 50);
--> statement-breakpoint
CREATE TABLE "delivery_1" PARTITION OF "delivery" FOR VALUES FROM (1000) TO (2000) WITH (fillfactor = 50);
--> statement-breakpoint
ALTER TABLE "share" SET (fillfactor = 50);
--> statement-breakpoint
-- Evidence of consent is never rewritten; it may only be added to, or deleted when a person is erased.
CREATE FUNCTION "refuse_change" () RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME;
END $$;
--> statement-breakpoint
CREATE TRIGGER "consent_record_append_only" BEFORE UPDATE ON "consent_record" FOR EACH ROW EXECUTE FUNCTION "refuse_change" ();
