/*
 * An SMTP sink that is not the brake: one thread, epoll, PIPELINING, contents dropped as they come. It prints how many
 * messages it took when it is told to end. cc -O2 -o fastsink fastsink.c && ./fastsink 2525
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE 1024
#define ROOM 262144
#define REPLIES 4096
/* A whole message and the next one fit, so that clients write them in one go and are answered at once. */
#define WINDOW 1000000

/* What was read and not yet understood: a line, or what may be the beginning of a content's end. */
struct client {
  int fd, in_content, length;
  char rest[LINE];
};

/* Of all clients, so that it stays in the processor's cache. */
static char room[LINE + ROOM];
static volatile long taken;

static void end(int signal) {
  char line[64];
  int length = snprintf(line, sizeof line, "%ld\n", taken);
  if (write(1, line, length) < 0) _exit(1);
  _exit(signal == SIGTERM ? 0 : 1);
}

static void greet(int epoll, int listener) {
  int one = 1, fd = accept(listener, 0, 0);
  struct client *client = malloc(sizeof *client);
  if (fd < 0 || !client) return;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  client->fd = fd;
  client->in_content = client->length = 0;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  if (write(fd, "220 fastsink ESMTP\r\n", 20) < 0) perror("greet");
}

/* The first end of a content, or null: looked for in blocks that compilers make a few vector instructions of. */
static char *find_end(char *at, char *end) {
  while (end - at >= 5) {
    long places = end - at - 4 < 64 ? end - at - 4 : 64;
    char likely = places < 64;
    if (places == 64)
      for (int i = 0; i < 64; i++) likely |= (at[i + 1] == '\n') & (at[i + 2] == '.');
    char *dot = likely ? memmem(at, places + 4, "\r\n.\r\n", 5) : 0;
    if (dot) return dot;
    at += places;
  }
  return 0;
}

/* Answers every whole line and every end of a content that is there. Returns 0 once the client said QUIT. */
static int answer(struct client *client, char *end) {
  char *at = room, replies[REPLIES];
  int said = 0, stays = 1;
  while (stays && said < REPLIES - 128) {
    if (client->in_content) {
      char *dot = find_end(at, end);
      if (!dot) {
        if (end - at > 4) at = end - 4;
        break;
      }
      at = dot + 5;
      client->in_content = 0;
      taken += 1;
      said += sprintf(replies + said, "250 2.0.0 Ok\r\n");
      continue;
    }
    char *line = memchr(at, '\n', end - at);
    if (!line) break;
    switch (*at | 32) {
      case 'e': said += sprintf(replies + said, "250-fastsink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"); break;
      case 'd': client->in_content = 1; said += sprintf(replies + said, "354 go\r\n"); break;
      case 'q': stays = 0; said += sprintf(replies + said, "221 bye\r\n"); break;
      default: said += sprintf(replies + said, "250 2.1.0 Ok\r\n");
    }
    at = line + 1;
  }
  if (said && write(client->fd, replies, said) < 0) return 0;
  client->length = end - at;
  if (client->length > LINE) return 0;
  memcpy(client->rest, at, client->length);
  return stays;
}

int main(int count, char **words) {
  int one = 1, window = WINDOW, listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
  struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  place.sin_port = htons(count > 1 ? atoi(words[1]) : 2525);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
  if (bind(listener, (void *)&place, sizeof place) || listen(listener, 1024)) return perror("fastsink"), 1;
  signal(SIGTERM, end);
  signal(SIGPIPE, SIG_IGN);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[64];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int ready = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < ready; i++) {
      struct client *client = events[i].data.ptr;
      if (!client) {
        greet(epoll, listener);
        continue;
      }
      memcpy(room, client->rest, client->length);
      int length = read(client->fd, room + client->length, ROOM);
      if (length > 0 && answer(client, room + client->length + length)) continue;
      close(client->fd);
      free(client);
    }
  }
}
