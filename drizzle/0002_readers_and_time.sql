CREATE TABLE "heartbeat" (
	"name" text PRIMARY KEY NOT NULL,
	"at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "opt_in" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "opt_in_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"email_hash" "bytea" NOT NULL,
	"at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
DROP INDEX "notice_due";--> statement-breakpoint
ALTER TABLE "article" ADD COLUMN "image_width" integer;--> statement-breakpoint
ALTER TABLE "article" ADD COLUMN "image_height" integer;--> statement-breakpoint
ALTER TABLE "newsletter" ADD COLUMN "grace_hours" integer DEFAULT 6 NOT NULL;--> statement-breakpoint
ALTER TABLE "source" ADD COLUMN "recent_new" integer[] DEFAULT '{}'::integer[] NOT NULL;--> statement-breakpoint
ALTER TABLE "source" ADD COLUMN "interval_minutes" integer DEFAULT 15 NOT NULL;--> statement-breakpoint
ALTER TABLE "suppression" ADD COLUMN "retried_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "opt_in_hash" ON "opt_in" USING btree ("email_hash","at");--> statement-breakpoint
CREATE INDEX "opt_in_age" ON "opt_in" USING btree ("at");--> statement-breakpoint
CREATE INDEX "article_held" ON "article" USING btree ("source_id") WHERE "article"."state" = 'held';--> statement-breakpoint
CREATE INDEX "edition_open" ON "edition" USING btree ("id") WHERE "edition"."state" in ('planning', 'sending', 'paused', 'held');--> statement-breakpoint
CREATE INDEX "edition_article_article" ON "edition_article" USING btree ("article_id");--> statement-breakpoint
CREATE INDEX "notice_asked" ON "notice" USING btree ("due_at") WHERE "notice"."state" = 'sent' and "notice"."kind" = 'confirmation';--> statement-breakpoint
CREATE INDEX "subscription_unconfirmed" ON "subscription" USING btree ("id") WHERE "subscription"."state" = 'pending' or "subscription"."confirmed_at" is null;--> statement-breakpoint
CREATE INDEX "notice_due" ON "notice" USING btree ("due_at") WHERE "notice"."state" in ('queued', 'sending');--> statement-breakpoint
ALTER TABLE "newsletter" ADD CONSTRAINT "newsletter_grace" CHECK ("newsletter"."grace_hours" between 0 and 168);