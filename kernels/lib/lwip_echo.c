//===- lwip_echo.c - lwIP's TCP and UDP over the loopback interface ------------===//
//
// A client connects to an echo server in the same stack, sends a text and
// checks what comes back, then closes; a UDP counter runs beside it. All
// packets go through the whole stack with checksums, timers and pools.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include <string.h>

#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"

#include "bare.h"

enum { LENGTH = 14000, PIECE = 300, TICKS = 4000 };

static uint8_t text[LENGTH], back[LENGTH];
static uint32_t now, sent, received, datagrams, checksum;
static int closed, failed;

u32_t sys_now(void) { return now; }

static err_t server_receive(void *user, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  (void)user;
  (void)error;
  if (!p) {
    tcp_close(pcb);
    return ERR_OK;
  }
  for (struct pbuf *q = p; q; q = q->next)
    if (tcp_write(pcb, q->payload, q->len, TCP_WRITE_FLAG_COPY) != ERR_OK)
      failed++;
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

static err_t server_accept(void *user, struct tcp_pcb *pcb, err_t error) {
  (void)user;
  (void)error;
  tcp_recv(pcb, server_receive);
  return ERR_OK;
}

static err_t client_send(struct tcp_pcb *pcb) {
  while (sent < LENGTH && sent - received < 2 * PIECE) {
    uint32_t piece = LENGTH - sent < PIECE ? LENGTH - sent : PIECE;
    if (tcp_write(pcb, text + sent, (u16_t)piece, 0) != ERR_OK)
      break;
    sent += piece;
  }
  return tcp_output(pcb);
}

static err_t client_receive(void *user, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  (void)user;
  (void)error;
  if (!p) {
    closed = 1;
    return ERR_OK;
  }
  if (received + p->tot_len <= LENGTH)
    pbuf_copy_partial(p, back + received, p->tot_len, 0);
  received += p->tot_len;
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  if (received == LENGTH) {
    closed = 1;
    return tcp_close(pcb);
  }
  return client_send(pcb);
}

static err_t client_connected(void *user, struct tcp_pcb *pcb, err_t error) {
  (void)user;
  (void)error;
  return client_send(pcb);
}

static void on_datagram(void *user, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port) {
  (void)user;
  (void)pcb;
  checksum = kernel_fold(checksum, pbuf_get_at(p, 3));
  checksum = kernel_fold(checksum, port ^ ip4_addr1(ip_2_ip4(from)));
  datagrams++;
  pbuf_free(p);
}

static void send_datagram(struct udp_pcb *pcb, const ip_addr_t *to, uint32_t value) {
  struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, 40, PBUF_RAM);
  memset(p->payload, (int)(value & 255), 40);
  if (udp_sendto(pcb, p, to, 9) != ERR_OK)
    failed++;
  pbuf_free(p);
}

int main(void) {
  uint32_t state = kernel_seed(), failures = 0;
  ip_addr_t local = IPADDR4_INIT_BYTES(127, 0, 0, 1);
  sample_text(text, LENGTH, &state);
  checksum = 12;

  roi_begin();
  lwip_init();
  struct tcp_pcb *listener = tcp_new();
  tcp_bind(listener, &local, 7);
  listener = tcp_listen(listener);
  tcp_accept(listener, server_accept);
  struct udp_pcb *counter = udp_new(), *sender = udp_new();
  udp_bind(counter, &local, 9);
  udp_bind(sender, &local, 1009);
  udp_recv(counter, on_datagram, NULL);
  struct tcp_pcb *client = tcp_new();
  tcp_bind(client, &local, 1007);
  tcp_recv(client, client_receive);
  tcp_connect(client, &local, 7, client_connected);
  uint32_t loops = 0;
  for (; !closed && loops < TICKS; loops++) {
    netif_poll_all();
    if (loops % 8 == 0)
      send_datagram(sender, &local, kernel_random(&state));
    now += 20;
    sys_check_timeouts();
  }
  for (int i = 0; i < 8; i++)
    netif_poll_all();
  roi_end();

  failures = (uint32_t)failed + (memcmp(text, back, LENGTH) != 0);
  checksum = kernel_fold(kernel_fold(sample_fold(checksum, back, LENGTH), datagrams), loops);
  return kernel_finish("lwip_echo", kernel_fold(checksum, failures), 0x7d8d9215u);
}
