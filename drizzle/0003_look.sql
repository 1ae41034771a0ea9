ALTER TABLE "newsletter" ADD COLUMN "headline_colour" text;--> statement-breakpoint
ALTER TABLE "newsletter" ADD COLUMN "logo_url" text;--> statement-breakpoint
ALTER TABLE "newsletter" ADD COLUMN "logo_dark_url" text;--> statement-breakpoint
ALTER TABLE "newsletter" ADD COLUMN "logo_alt" text;--> statement-breakpoint
ALTER TABLE "newsletter" ADD COLUMN "logo_width" smallint;--> statement-breakpoint
ALTER TABLE "newsletter" ADD COLUMN "logo_height" smallint;--> statement-breakpoint
ALTER TABLE "newsletter" ADD COLUMN "logo_place" text DEFAULT 'instead' NOT NULL;