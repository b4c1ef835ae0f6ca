#include "redis/protocol.hpp"

#include <gtest/gtest.h>

namespace baton::redis::test {
namespace {

using Kind = Reply::Kind;
constexpr std::string_view three = "+OK\r\n$5\r\nab\r\nc\r\n*3\r\n:-7\r\n$-1\r\n-ERR no\r\n";

std::vector<Reply> all_of(Replies& replies) {
  std::vector<Reply> found;
  for (;;) {
    auto next = replies.next();
    EXPECT_TRUE(next.has_value());
    if (!next || !next->has_value()) return found;
    found.push_back(std::move(**next));
  }
}

void expect_three(const std::vector<Reply>& found) {
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0], (Reply{.kind = Kind::text, .text = "OK"}));
  EXPECT_EQ(found[1], (Reply{.kind = Kind::text, .text = "ab\r\nc"}));
  EXPECT_EQ(found[2], (Reply{.kind = Kind::array,
                             .items = {{.kind = Kind::integer, .integer = -7}, {}, {.kind = Kind::error, .text = "ERR no"}}}));
}

TEST(RedisProtocol, words_of_any_bytes_go_out_with_their_length) {
  EXPECT_EQ(encode({"SET", std::string("a\0\r\n", 4), ""}), std::string("*3\r\n$3\r\nSET\r\n$4\r\na\0\r\n\r\n$0\r\n\r\n", 29));
}

TEST(RedisProtocol, replies_that_come_together_are_told_apart) {
  Replies replies;
  replies.add(three);
  expect_three(all_of(replies));
}

TEST(RedisProtocol, a_reply_may_come_in_any_pieces) {
  for (std::size_t cut = 0; cut <= three.size(); ++cut) {
    Replies replies;
    replies.add(three.substr(0, cut));
    auto found = all_of(replies);
    replies.add(three.substr(cut));
    for (auto& each : all_of(replies)) found.push_back(std::move(each));
    expect_three(found);
  }
}

TEST(RedisProtocol, what_is_not_redis_is_an_error) {
  Replies replies;
  replies.add("HTTP/1.1 400 Bad Request\r\n");
  const auto next = replies.next();
  ASSERT_FALSE(next.has_value());
  EXPECT_EQ(next.error().code, "redis.protocol");
}

TEST(RedisProtocol, a_reply_without_end_is_an_error) {
  Replies replies(1000);
  replies.add("$100000\r\n");
  EXPECT_TRUE(all_of(replies).empty());
  replies.add(std::string(1000, 'x'));
  const auto next = replies.next();
  ASSERT_FALSE(next.has_value());
  EXPECT_EQ(next.error().code, "redis.protocol");
}

}  // namespace
}  // namespace baton::redis::test
