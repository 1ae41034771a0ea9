CREATE TABLE "form_count" (
	"key" "bytea" PRIMARY KEY NOT NULL,
	"until" timestamp (3) with time zone NOT NULL,
	"count" integer NOT NULL,
	"most" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "withdrawal" (
	"email_hash" "bytea" NOT NULL,
	"newsletter_id" bigint NOT NULL,
	"kind" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "withdrawal_email_hash_newsletter_id_pk" PRIMARY KEY("email_hash","newsletter_id"),
	CONSTRAINT "withdrawal_kind" CHECK ("withdrawal"."kind" in ('left', 'ignored'))
);
--> statement-breakpoint
ALTER TABLE "edition" ADD COLUMN "believes_refusals" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "suppression" ADD COLUMN "edition_id" bigint;--> statement-breakpoint
ALTER TABLE "suppression" ADD COLUMN "share_id" bigint;--> statement-breakpoint
ALTER TABLE "suppression" ADD COLUMN "seq" integer;--> statement-breakpoint
ALTER TABLE "suppression" ADD COLUMN "outcomes" integer;--> statement-breakpoint
ALTER TABLE "withdrawal" ADD CONSTRAINT "withdrawal_newsletter_id_newsletter_id_fk" FOREIGN KEY ("newsletter_id") REFERENCES "public"."newsletter"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "form_count_until" ON "form_count" USING btree ("until");--> statement-breakpoint
CREATE INDEX "suppression_edition" ON "suppression" USING btree ("edition_id","id") WHERE "suppression"."edition_id" is not null;