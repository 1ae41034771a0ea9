-- The generated file would have dropped and made anew what is only renamed here: every row stays.
ALTER TABLE "share" RENAME TO "batch";--> statement-breakpoint
ALTER SEQUENCE "share_id_seq" RENAME TO "batch_id_seq";--> statement-breakpoint
ALTER INDEX "share_pkey" RENAME TO "batch_pkey";--> statement-breakpoint
ALTER INDEX "share_edition" RENAME TO "batch_edition";--> statement-breakpoint
ALTER TABLE "batch" RENAME CONSTRAINT "share_edition_id_edition_id_fk" TO "batch_edition_id_edition_id_fk";--> statement-breakpoint
ALTER TABLE "batch" RENAME CONSTRAINT "share_range" TO "batch_range";--> statement-breakpoint
ALTER TABLE "batch" RENAME CONSTRAINT "share_counters" TO "batch_counters";--> statement-breakpoint
ALTER TABLE "suppression" RENAME COLUMN "share_id" TO "batch_id";--> statement-breakpoint
ALTER TABLE "edition" RENAME COLUMN "rhythm" TO "frequency";--> statement-breakpoint
ALTER TABLE "edition" RENAME COLUMN "believes_refusals" TO "accepts_rejections";--> statement-breakpoint
ALTER TABLE "cohort" RENAME COLUMN "rhythm" TO "frequency";--> statement-breakpoint
ALTER TABLE "cohort" RENAME CONSTRAINT "cohort_choice" TO "cohort_schedule";--> statement-breakpoint
ALTER TABLE "newsletter" RENAME COLUMN "rhythm" TO "frequency";--> statement-breakpoint
ALTER TABLE "newsletter" RENAME COLUMN "rhythms" TO "frequencies";--> statement-breakpoint
ALTER TABLE "subscription" RENAME COLUMN "left_at" TO "unsubscribed_at";--> statement-breakpoint
ALTER TABLE "subscription" DROP CONSTRAINT "subscription_state";--> statement-breakpoint
ALTER TABLE "subscription" DROP CONSTRAINT "subscription_confirmed";--> statement-breakpoint
UPDATE "subscription" SET "state" = 'unsubscribed' WHERE "state" = 'left';--> statement-breakpoint
ALTER TABLE "subscription" ADD CONSTRAINT "subscription_state" CHECK ("subscription"."state" in ('pending', 'active', 'paused', 'unsubscribed'));--> statement-breakpoint
ALTER TABLE "subscription" ADD CONSTRAINT "subscription_confirmed" CHECK ("subscription"."state" in ('pending', 'unsubscribed') or "subscription"."confirmed_at" is not null);--> statement-breakpoint
ALTER TABLE "withdrawal" DROP CONSTRAINT "withdrawal_kind";--> statement-breakpoint
UPDATE "withdrawal" SET "kind" = 'unsubscribed' WHERE "kind" = 'left';--> statement-breakpoint
ALTER TABLE "withdrawal" ADD CONSTRAINT "withdrawal_kind" CHECK ("withdrawal"."kind" in ('unsubscribed', 'ignored'));--> statement-breakpoint
-- Only the word for the act changes; what was shown, when and from where stays as it was.
ALTER TABLE "consent_record" DISABLE TRIGGER "consent_record_append_only";--> statement-breakpoint
UPDATE "consent_record" SET "action" = 'unsubscribed' WHERE "action" = 'left';--> statement-breakpoint
ALTER TABLE "consent_record" ENABLE TRIGGER "consent_record_append_only";--> statement-breakpoint
UPDATE "delivery" SET "reason" = 'unsubscribed' WHERE "reason" = 'left';--> statement-breakpoint
UPDATE "notice" SET "reason" = 'unsubscribed' WHERE "reason" = 'left';--> statement-breakpoint
UPDATE "notice" SET "reason" = replace("reason", 'the refusal was believed', 'the rejection was accepted') WHERE "reason" LIKE 'the refusal was believed%';--> statement-breakpoint
-- What a reader chose on a form and has not confirmed yet: {subscription: {rhythm, weekday, hour, zone, topicIds}}.
UPDATE "notice" SET "payload" = ("payload" - 'choices') || jsonb_build_object('preferences', (
	SELECT coalesce(jsonb_object_agg(c.key, CASE WHEN c.value ? 'rhythm' THEN (c.value - 'rhythm') || jsonb_build_object('frequency', c.value -> 'rhythm') ELSE c.value END), '{}')
	FROM jsonb_each("notice"."payload" -> 'choices') c))
WHERE jsonb_typeof("payload" -> 'choices') = 'object';
--> statement-breakpoint
-- Editions and notices that wait for somebody to look at their rejections are found by how their reason begins.
UPDATE "edition" SET "reason" = replace("reason", 'the refusals are in doubt', 'too many rejections') WHERE "reason" LIKE 'the refusals are in doubt%';--> statement-breakpoint
UPDATE "notice" SET "reason" = replace("reason", 'the refusals are in doubt', 'too many rejections') WHERE "reason" LIKE 'the refusals are in doubt%';
