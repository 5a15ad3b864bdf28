//===- http_parser_requests.c - requests and responses through http-parser -------===//
//
// A pipelined connection with plain and chunked bodies is parsed in pieces, as
// an embedded web server sees it; URLs are taken apart and a smuggled header
// is refused.
//
//===----------------------------------------------------------------------===//

#include "http_parser.h"
#include "sample.h"
#include <string.h>

enum { ROOM = 6000, MESSAGES = 16 };

struct connection {
  uint32_t sum, messages, body, headers;
  char url[96];
  uint32_t url_length;
};

static char text[ROOM];
static uint32_t used;

static void put(const char *part) {
  size_t length = strlen(part);
  memcpy(text + used, part, length);
  used += (uint32_t)length;
}

static void write_request(uint32_t *state) {
  static const char *const starts[] = {"GET /status?unit=3&verbose=1#top HTTP/1.1\r\n",
                                       "POST /api/v1/valves HTTP/1.1\r\n",
                                       "PUT http://host.local:8080/config/%41%20b HTTP/1.1\r\n",
                                       "OPTIONS * HTTP/1.1\r\n", "DELETE /log/17;x=1 HTTP/1.1\r\n"};
  static const char *const headers[] = {
      "Host: sensor.local\r\n",          "Accept: text/html,\r\n  application/json;q=0.9\r\n",
      "Connection: keep-alive\r\n",      "X-Token:   abc def  \r\n",
      "User-Agent: tool/1.0 (test)\r\n", "Cookie: a=b; c=\"d\"\r\n"};
  uint32_t draw = kernel_random(state);
  put(starts[draw % 5]);
  for (uint32_t i = 0; i < 2 + (draw >> 8) % 4; i++)
    put(headers[kernel_random(state) % 6]);
  if (draw >> 16 & 1) {
    char body[30];
    sample_text(body, sizeof body - 1, state);
    body[sizeof body - 1] = 0;
    put("Transfer-Encoding: chunked\r\n\r\n1d;name=x\r\n");
    put(body);
    put("\r\n4\r\nwxyz\r\n0\r\nTrailer: t\r\n\r\n");
  } else if (draw >> 17 & 1) {
    put("Content-Length: 12\r\n\r\nhello, body!");
  } else {
    put("\r\n");
  }
}

static int on_url(http_parser *parser, const char *at, size_t length) {
  struct connection *c = parser->data;
  if (c->url_length + length > sizeof c->url)
    return 1;
  memcpy(c->url + c->url_length, at, length);
  c->url_length += (uint32_t)length;
  return 0;
}

static int on_header(http_parser *parser, const char *at, size_t length) {
  struct connection *c = parser->data;
  c->headers++;
  for (size_t i = 0; i < length; i++)
    c->sum = (c->sum ^ (uint8_t)at[i]) * 0x01000193u;
  return 0;
}

static int on_body(http_parser *parser, const char *at, size_t length) {
  struct connection *c = parser->data;
  c->body += (uint32_t)length;
  c->sum = sample_fold(c->sum, at, length);
  return 0;
}

static int on_complete(http_parser *parser) {
  struct connection *c = parser->data;
  struct http_parser_url url;
  http_parser_url_init(&url);
  c->messages++;
  if (http_parser_parse_url(c->url, c->url_length, 0, &url) == 0)
    for (int i = 0; i < UF_MAX; i++)
      if (url.field_set & (1 << i))
        c->sum = kernel_fold(c->sum, (uint32_t)(url.field_data[i].off << 8 | url.field_data[i].len));
  c->sum = kernel_fold(c->sum, (uint32_t)parser->method << 8 | (uint32_t)http_should_keep_alive(parser));
  c->url_length = 0;
  return 0;
}

static const http_parser_settings settings = {.on_url = on_url,
                                              .on_header_field = on_header,
                                              .on_header_value = on_header,
                                              .on_body = on_body,
                                              .on_message_complete = on_complete};

static uint32_t serve(struct connection *c, uint32_t piece) {
  http_parser parser;
  http_parser_init(&parser, HTTP_REQUEST);
  parser.data = c;
  for (uint32_t at = 0; at < used; at += piece) {
    uint32_t length = used - at < piece ? used - at : piece;
    if (http_parser_execute(&parser, &settings, text + at, length) != length)
      break;
  }
  return (uint32_t)HTTP_PARSER_ERRNO(&parser);
}

int main(void) {
  uint32_t state = kernel_seed(), failures = 0;
  struct connection first = {.sum = 37}, second = {.sum = 38};
  for (int i = 0; i < MESSAGES; i++)
    write_request(&state);

  roi_begin();
  failures += serve(&first, 64) != HPE_OK || first.messages != MESSAGES;
  uint32_t end = used;
  put("GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
  text[end / 2] ^= (char)(first.sum & 1);
  uint32_t error = serve(&second, 1 + first.sum % 200);
  failures += error == HPE_OK;
  roi_end();

  uint32_t sum = kernel_fold(kernel_fold(first.sum, second.sum), second.messages * 64 + error);
  sum = kernel_fold(kernel_fold(sum, first.body), first.messages);
  return kernel_finish("http_parser_requests", kernel_fold(sum, failures), 0x0d5bc9c9u);
}
