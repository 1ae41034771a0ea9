ALTER TABLE "edition" ADD COLUMN "believes_refusals" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "suppression" ADD COLUMN "edition_id" bigint;--> statement-breakpoint
ALTER TABLE "suppression" ADD COLUMN "share_id" bigint;--> statement-breakpoint
ALTER TABLE "suppression" ADD COLUMN "seq" integer;--> statement-breakpoint
ALTER TABLE "suppression" ADD COLUMN "outcomes" integer;--> statement-breakpoint
CREATE INDEX "suppression_edition" ON "suppression" USING btree ("edition_id","id") WHERE "suppression"."edition_id" is not null;