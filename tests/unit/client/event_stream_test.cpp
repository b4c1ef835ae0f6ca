#include "client/event_stream.hpp"

#include <gtest/gtest.h>

namespace baton::client {
namespace {

using Events = std::vector<StreamEvent>;

constexpr std::string_view stream =
    "event: run\nid: 17:1\ndata: {\"a\": 1}\n\n"
    ": beat\n\n"
    "event: tasks\r\nid: 17:2\r\ndata: one\r\ndata:two\r\n\r\n"
    "data\rid\r\r"
    "event: end\ndata: x\n\n"
    "event: half\nid: 17:9\ndata: lost";
const Events expected{{.name = "run", .data = "{\"a\": 1}"},
                      {.name = "tasks", .data = "one\ntwo"},
                      {.name = "message", .data = ""},
                      {.name = "end", .data = "x"}};

TEST(EventStream, the_events_are_the_same_wherever_the_bytes_are_cut) {
  for (std::size_t first = 0; first <= stream.size(); ++first) {
    for (const auto width : {std::size_t{1}, std::size_t{7}, stream.size()}) {
      EventStream reader;
      Events events;
      const auto take = [&](std::string_view bytes) {
        auto some = reader.take(bytes);
        ASSERT_TRUE(some.has_value());
        events.insert(events.end(), some->begin(), some->end());
      };
      take(stream.substr(0, first));
      for (auto at = first; at < stream.size(); at += width) take(stream.substr(at, width));
      ASSERT_EQ(events, expected) << first << " " << width;
    }
  }
}

TEST(EventStream, an_id_counts_when_its_event_is_complete_and_lasts) {
  EventStream reader;
  ASSERT_TRUE(reader.take("id: 17:1\ndata: a\n").has_value());
  EXPECT_EQ(reader.last_id(), "");
  ASSERT_TRUE(reader.take("\ndata: b\n\n").has_value());
  EXPECT_EQ(reader.last_id(), "17:1");
}

TEST(EventStream, half_an_event_is_forgotten_where_the_stream_breaks) {
  EventStream reader;
  ASSERT_TRUE(reader.take("id: 17:1\ndata: a\n\nevent: run\nid: 17:2\ndata: ha").has_value());
  reader.broken();
  EXPECT_EQ(reader.last_id(), "17:1");
  const auto events = reader.take("data: whole\n\n");
  ASSERT_TRUE(events.has_value());
  EXPECT_EQ(*events, (Events{{.name = "message", .data = "whole"}}));
  EXPECT_EQ(reader.last_id(), "17:1");
}

TEST(EventStream, what_never_ends_is_refused) {
  EventStream one_line(100);
  EXPECT_EQ(one_line.take("data: " + std::string(100, 'x')).error().code, "server.bad_answer");
  EventStream many_lines(100);
  std::string lines;
  for (int i = 0; i < 20; ++i) lines += "data: 0123456789\n";
  EXPECT_EQ(many_lines.take(lines).error().code, "server.bad_answer");
}

}  // namespace
}  // namespace baton::client
