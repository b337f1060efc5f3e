"""The demo: a page to drop, crop and classify images, and the HTTP interface behind it. Needs the extra `demo`."""
