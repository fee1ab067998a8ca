const TEXT = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>drmad</title>
<h1>The dashboard's page is not built</h1>
<p>The server runs, and its studies can be read below <code>/api/</code>; the page that shows them is missing.
<p>In a clone of drmad, stop this server, run <code>npm run build</code>, and start it again. In an installed drmad it should be
there: install it again.
<p>Until then, <code>drmad runs</code> lists the studies, and <code>drmad show NAME</code> shows one.
</html>
`;

/** Instead of a page that was not built. */
export const noPage = (): Response => new Response(TEXT, { headers: { "content-type": "text/html; charset=utf-8" } });
