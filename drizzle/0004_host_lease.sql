CREATE TABLE "host_lease" (
	"host" text PRIMARY KEY NOT NULL,
	"source_id" bigint,
	"owner" text NOT NULL,
	"token" text NOT NULL,
	"lease_until" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "source" ADD COLUMN "host" text GENERATED ALWAYS AS (coalesce(lower(substring(feed_url from '^[a-z]+://(?:[^/?#@]*@)?([^/?#]+)')), feed_url)) STORED;--> statement-breakpoint
ALTER TABLE "host_lease" ADD CONSTRAINT "host_lease_source_id_source_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."source"("id") ON DELETE no action ON UPDATE no action;