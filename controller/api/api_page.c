/* The live page: files that the build has taken from controller/api/page.
 *
 * Called by api.c for its routes.  The page speaks the public API only, and
 * takes nothing from elsewhere: the policy says so to the browser. */
#include <config.h>

#include "controller/api/api_internal.h"

#include <string.h>

static const char fields[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self';"
    " style-src 'self'; connect-src 'self'; img-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

static void
reply(struct api_call *call, const char *type, const char *text)
{
    http_reply(call->request->conn, 200, type, fields, text, strlen(text));
}

void
api_get_page(struct api_call *call)
{
    reply(call, "text/html; charset=utf-8", api_page_html);
}

void
api_get_page_css(struct api_call *call)
{
    reply(call, "text/css; charset=utf-8", api_page_css);
}

void
api_get_page_js(struct api_call *call)
{
    reply(call, "text/javascript; charset=utf-8", api_page_js);
}

void
api_get_page_icon(struct api_call *call)
{
    reply(call, "image/svg+xml", api_page_svg);
}
