CREATE TABLE "article" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "article_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"source_id" bigint NOT NULL,
	"url" text NOT NULL,
	"url_key" text NOT NULL,
	"title" text NOT NULL,
	"title_key" text NOT NULL,
	"summary" text,
	"content_html" text,
	"author" text,
	"image_url" text,
	"image_alt" text,
	"language" text,
	"topics" text[] DEFAULT '{}'::text[] NOT NULL,
	"word_count" integer,
	"text_hash" text NOT NULL,
	"published_at" timestamp (3) with time zone,
	"state" text DEFAULT 'visible' NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "article_source" (
	"article_id" bigint NOT NULL,
	"source_id" bigint NOT NULL,
	"guid" text NOT NULL,
	"seen_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "article_source_source_id_guid_pk" PRIMARY KEY("source_id","guid")
);
--> statement-breakpoint
CREATE TABLE "entry" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "entry_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"newsletter_id" bigint NOT NULL,
	"article_id" bigint NOT NULL,
	"topics" integer[] DEFAULT '{}'::integer[] NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "entry_newsletter_article" UNIQUE("newsletter_id","article_id")
);
--> statement-breakpoint
CREATE TABLE "edition" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "edition_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"public_id" text NOT NULL,
	"newsletter_id" bigint NOT NULL,
	"rhythm" text,
	"slot_at" timestamp (3) with time zone,
	"key" text,
	"only_subscription_id" bigint,
	"state" text NOT NULL,
	"reason" text,
	"home" boolean DEFAULT false NOT NULL,
	"bound_entry_id" bigint NOT NULL,
	"nonce" "bytea" NOT NULL,
	"intro" text,
	"article_count" integer DEFAULT 0 NOT NULL,
	"variant_count" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"planned_at" timestamp (3) with time zone,
	"finished_at" timestamp (3) with time zone,
	CONSTRAINT "edition_publicId_unique" UNIQUE("public_id"),
	CONSTRAINT "edition_slot" UNIQUE("newsletter_id","rhythm","slot_at"),
	CONSTRAINT "edition_key" UNIQUE("newsletter_id","key"),
	CONSTRAINT "edition_state" CHECK ("edition"."state" in ('planning', 'sending', 'paused', 'held', 'finished', 'cancelled', 'missed')),
	CONSTRAINT "edition_slot_or_hand" CHECK (("edition"."rhythm" is null) = ("edition"."slot_at" is null))
);
--> statement-breakpoint
CREATE TABLE "edition_article" (
	"edition_id" bigint NOT NULL,
	"entry_id" bigint NOT NULL,
	"article_id" bigint NOT NULL,
	"url" text NOT NULL,
	"title" text NOT NULL,
	"summary" text,
	"author" text,
	"image_url" text,
	"image_alt" text,
	"language" text,
	"source" text NOT NULL,
	"topics" text[] DEFAULT '{}'::text[] NOT NULL,
	"word_count" integer,
	"published_at" timestamp (3) with time zone,
	CONSTRAINT "edition_article_edition_id_entry_id_pk" PRIMARY KEY("edition_id","entry_id")
);
--> statement-breakpoint
CREATE TABLE "variant" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "variant_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"edition_id" bigint NOT NULL,
	"public_id" text NOT NULL,
	"locale" text NOT NULL,
	"format" text NOT NULL,
	"entry_ids" bigint[] NOT NULL,
	"entries_hash" text NOT NULL,
	"home" boolean DEFAULT false NOT NULL,
	CONSTRAINT "variant_publicId_unique" UNIQUE("public_id"),
	CONSTRAINT "variant_selection" UNIQUE("edition_id","locale","format","entries_hash")
);
--> statement-breakpoint
CREATE TABLE "installation" (
	"id" smallint PRIMARY KEY NOT NULL,
	"hash_key" "bytea" NOT NULL,
	"epoch" integer NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "cohort" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "cohort_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"newsletter_id" bigint NOT NULL,
	"rhythm" text NOT NULL,
	"weekday" smallint,
	"hour" smallint,
	"zone" text NOT NULL,
	"part" integer DEFAULT 0 NOT NULL,
	"home" boolean DEFAULT false NOT NULL,
	"seen_entry_id" bigint DEFAULT 0 NOT NULL,
	"next_due_at" timestamp (3) with time zone,
	"last_slot_at" timestamp (3) with time zone,
	"members" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "cohort_choice" UNIQUE NULLS NOT DISTINCT("newsletter_id","rhythm","weekday","hour","zone","part"),
	CONSTRAINT "cohort_weekday" CHECK (case when "cohort"."rhythm" = 'weekly' then "cohort"."weekday" between 1 and 7 and "cohort"."weekday" is not null else "cohort"."weekday" is null end),
	CONSTRAINT "cohort_hour" CHECK (case when "cohort"."rhythm" = 'instant' then "cohort"."hour" is null else "cohort"."hour" between 0 and 23 and "cohort"."hour" is not null end),
	CONSTRAINT "cohort_members" CHECK ("cohort"."members" between 0 and 100000)
);
--> statement-breakpoint
CREATE TABLE "newsletter" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "newsletter_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"slug" text NOT NULL,
	"name" text NOT NULL,
	"locale" text NOT NULL,
	"zone" text NOT NULL,
	"hour" smallint NOT NULL,
	"from_address" text NOT NULL,
	"from_name" text NOT NULL,
	"reply_to" text,
	"imprint" text,
	"rhythm" text NOT NULL,
	"rhythms" text[] DEFAULT '{instant,daily,weekdays,weekly,monthly}'::text[] NOT NULL,
	"max_articles" integer DEFAULT 12 NOT NULL,
	"min_articles" integer DEFAULT 1 NOT NULL,
	"accent" text DEFAULT '#1a5276' NOT NULL,
	"headline_font" text DEFAULT 'serif' NOT NULL,
	"intro" text,
	"state" text DEFAULT 'active' NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "newsletter_slug_unique" UNIQUE("slug"),
	CONSTRAINT "newsletter_hour" CHECK ("newsletter"."hour" between 0 and 23),
	CONSTRAINT "newsletter_max_articles" CHECK ("newsletter"."max_articles" between 1 and 100),
	CONSTRAINT "newsletter_min_articles" CHECK ("newsletter"."min_articles" between 1 and 100)
);
--> statement-breakpoint
CREATE TABLE "topic" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "topic_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"newsletter_id" bigint NOT NULL,
	"key" text NOT NULL,
	"name" text NOT NULL,
	"hidden" boolean DEFAULT false NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "topic_newsletter_key" UNIQUE("newsletter_id","key")
);
--> statement-breakpoint
CREATE TABLE "share" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "share_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"edition_id" bigint NOT NULL,
	"from_seq" integer NOT NULL,
	"to_seq" integer NOT NULL,
	"due_at" timestamp (3) with time zone,
	"owner" text,
	"lease_until" timestamp (3) with time zone,
	"token" integer DEFAULT 0 NOT NULL,
	"recalled_until" timestamp (3) with time zone,
	"sending" integer DEFAULT 0 NOT NULL,
	"sent" integer DEFAULT 0 NOT NULL,
	"deferred" integer DEFAULT 0 NOT NULL,
	"failed" integer DEFAULT 0 NOT NULL,
	"suppressed" integer DEFAULT 0 NOT NULL,
	"skipped" integer DEFAULT 0 NOT NULL,
	"superseded" integer DEFAULT 0 NOT NULL,
	"cancelled" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "share_range" CHECK ("share"."from_seq" <= "share"."to_seq"),
	CONSTRAINT "share_counters" CHECK (least("share"."sending", "share"."sent", "share"."deferred", "share"."failed", "share"."suppressed", "share"."skipped", "share"."superseded", "share"."cancelled") >= 0
      and "share"."sending" + "share"."sent" + "share"."deferred" + "share"."failed" + "share"."suppressed" + "share"."skipped" + "share"."superseded" + "share"."cancelled" <= "share"."to_seq" - "share"."from_seq" + 1)
);
--> statement-breakpoint
CREATE TABLE "newsletter_source" (
	"newsletter_id" bigint NOT NULL,
	"source_id" bigint NOT NULL,
	"backfill_days" integer,
	"admitted_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "newsletter_source_newsletter_id_source_id_pk" PRIMARY KEY("newsletter_id","source_id"),
	CONSTRAINT "newsletter_source_backfill" CHECK ("newsletter_source"."backfill_days" >= 0)
);
--> statement-breakpoint
CREATE TABLE "source" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "source_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"kind" text NOT NULL,
	"url" text NOT NULL,
	"feed_url" text,
	"title" text,
	"home_url" text,
	"language" text,
	"username" text,
	"password" text,
	"headers" jsonb,
	"user_agent" text,
	"state" text DEFAULT 'active' NOT NULL,
	"etag" text,
	"last_modified" text,
	"body_hash" text,
	"fetches" integer DEFAULT 0 NOT NULL,
	"last_fetched_at" timestamp (3) with time zone,
	"next_fetch_at" timestamp (3) with time zone,
	"failures" integer DEFAULT 0 NOT NULL,
	"last_error" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "source_url_unique" UNIQUE("url"),
	CONSTRAINT "source_url" CHECK (("source"."kind" = 'feed') = ("source"."feed_url" is not null))
);
--> statement-breakpoint
CREATE TABLE "consent_record" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "consent_record_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"subscriber_id" bigint,
	"subscription_id" bigint,
	"newsletter_id" bigint,
	"email_hash" "bytea" NOT NULL,
	"action" text NOT NULL,
	"evidence" text,
	"text_version" text,
	"ip" text,
	"user_agent" text,
	"details" jsonb,
	"at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "notice" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "notice_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"kind" text NOT NULL,
	"subscriber_id" bigint NOT NULL,
	"payload" jsonb NOT NULL,
	"nonce" "bytea" NOT NULL,
	"state" text DEFAULT 'queued' NOT NULL,
	"reason" text,
	"ambiguous" boolean DEFAULT false NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"token" integer DEFAULT 0 NOT NULL,
	"lease_until" timestamp (3) with time zone,
	"due_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"sent_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "subscriber" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "subscriber_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"email" text NOT NULL,
	"email_key" text NOT NULL,
	"email_hash" "bytea" NOT NULL,
	"name" text,
	"locale" text NOT NULL,
	"format" text DEFAULT 'html' NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "subscriber_emailKey_unique" UNIQUE("email_key")
);
--> statement-breakpoint
CREATE TABLE "subscription" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "subscription_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"newsletter_id" bigint NOT NULL,
	"subscriber_id" bigint NOT NULL,
	"state" text NOT NULL,
	"cohort_id" bigint NOT NULL,
	"topics" integer[] DEFAULT '{}'::integer[] NOT NULL,
	"seen_entry_id" bigint,
	"token_version" integer DEFAULT 1 NOT NULL,
	"confirmed_at" timestamp (3) with time zone,
	"left_at" timestamp (3) with time zone,
	"paused_until" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "subscription_newsletter_subscriber" UNIQUE("newsletter_id","subscriber_id"),
	CONSTRAINT "subscription_state" CHECK ("subscription"."state" in ('pending', 'active', 'paused', 'left')),
	CONSTRAINT "subscription_confirmed" CHECK ("subscription"."state" in ('pending', 'left') or "subscription"."confirmed_at" is not null)
);
--> statement-breakpoint
CREATE TABLE "suppression" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "suppression_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"email_hash" "bytea" NOT NULL,
	"email" text,
	"reason" text NOT NULL,
	"evidence" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "suppression_emailHash_unique" UNIQUE("email_hash")
);
--> statement-breakpoint
ALTER TABLE "article" ADD CONSTRAINT "article_source_id_source_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."source"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "article_source" ADD CONSTRAINT "article_source_article_id_article_id_fk" FOREIGN KEY ("article_id") REFERENCES "public"."article"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "article_source" ADD CONSTRAINT "article_source_source_id_source_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."source"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "entry" ADD CONSTRAINT "entry_newsletter_id_newsletter_id_fk" FOREIGN KEY ("newsletter_id") REFERENCES "public"."newsletter"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "entry" ADD CONSTRAINT "entry_article_id_article_id_fk" FOREIGN KEY ("article_id") REFERENCES "public"."article"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "edition" ADD CONSTRAINT "edition_newsletter_id_newsletter_id_fk" FOREIGN KEY ("newsletter_id") REFERENCES "public"."newsletter"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "edition_article" ADD CONSTRAINT "edition_article_edition_id_edition_id_fk" FOREIGN KEY ("edition_id") REFERENCES "public"."edition"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "variant" ADD CONSTRAINT "variant_edition_id_edition_id_fk" FOREIGN KEY ("edition_id") REFERENCES "public"."edition"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "cohort" ADD CONSTRAINT "cohort_newsletter_id_newsletter_id_fk" FOREIGN KEY ("newsletter_id") REFERENCES "public"."newsletter"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "topic" ADD CONSTRAINT "topic_newsletter_id_newsletter_id_fk" FOREIGN KEY ("newsletter_id") REFERENCES "public"."newsletter"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "share" ADD CONSTRAINT "share_edition_id_edition_id_fk" FOREIGN KEY ("edition_id") REFERENCES "public"."edition"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "newsletter_source" ADD CONSTRAINT "newsletter_source_newsletter_id_newsletter_id_fk" FOREIGN KEY ("newsletter_id") REFERENCES "public"."newsletter"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "newsletter_source" ADD CONSTRAINT "newsletter_source_source_id_source_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."source"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notice" ADD CONSTRAINT "notice_subscriber_id_subscriber_id_fk" FOREIGN KEY ("subscriber_id") REFERENCES "public"."subscriber"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "subscription" ADD CONSTRAINT "subscription_newsletter_id_newsletter_id_fk" FOREIGN KEY ("newsletter_id") REFERENCES "public"."newsletter"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "subscription" ADD CONSTRAINT "subscription_subscriber_id_subscriber_id_fk" FOREIGN KEY ("subscriber_id") REFERENCES "public"."subscriber"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "subscription" ADD CONSTRAINT "subscription_cohort_id_cohort_id_fk" FOREIGN KEY ("cohort_id") REFERENCES "public"."cohort"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "article_url_key" ON "article" USING btree ("url_key");--> statement-breakpoint
CREATE INDEX "article_of_source" ON "article" USING btree ("source_id","id");--> statement-breakpoint
CREATE INDEX "article_source_of_article" ON "article_source" USING btree ("article_id");--> statement-breakpoint
CREATE INDEX "entry_order" ON "entry" USING btree ("newsletter_id","id");--> statement-breakpoint
CREATE INDEX "edition_newsletter" ON "edition" USING btree ("newsletter_id","id");--> statement-breakpoint
CREATE INDEX "cohort_due" ON "cohort" USING btree ("next_due_at");--> statement-breakpoint
CREATE INDEX "share_edition" ON "share" USING btree ("edition_id");--> statement-breakpoint
CREATE INDEX "newsletter_source_source" ON "newsletter_source" USING btree ("source_id");--> statement-breakpoint
CREATE INDEX "source_due" ON "source" USING btree ("next_fetch_at");--> statement-breakpoint
CREATE INDEX "consent_record_subscriber" ON "consent_record" USING btree ("subscriber_id");--> statement-breakpoint
CREATE INDEX "consent_record_hash" ON "consent_record" USING btree ("email_hash");--> statement-breakpoint
CREATE INDEX "notice_due" ON "notice" USING btree ("due_at");--> statement-breakpoint
CREATE INDEX "notice_subscriber" ON "notice" USING btree ("subscriber_id");--> statement-breakpoint
CREATE INDEX "subscription_subscriber" ON "subscription" USING btree ("subscriber_id");--> statement-breakpoint
CREATE INDEX "subscription_cohort" ON "subscription" USING btree ("cohort_id");