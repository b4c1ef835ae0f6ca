#include "redis/protocol.hpp"

#include <hiredis/hiredis.h>

#include <utility>

namespace baton::redis {
namespace {

// hiredis bounds the nesting, so this does not run away.
Reply to_reply(const redisReply& from) {
  Reply reply;
  switch (from.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS: reply.kind = Reply::Kind::text; break;
    case REDIS_REPLY_ERROR: reply.kind = Reply::Kind::error; break;
    case REDIS_REPLY_INTEGER: reply.kind = Reply::Kind::integer; break;
    case REDIS_REPLY_ARRAY: reply.kind = Reply::Kind::array; break;
    default: return reply;
  }
  if (reply.kind == Reply::Kind::integer) reply.integer = from.integer;
  if (from.str != nullptr) reply.text.assign(from.str, static_cast<std::size_t>(from.len));
  if (reply.kind == Reply::Kind::array) {
    for (std::size_t i = 0; i < from.elements; ++i) reply.items.push_back(to_reply(*from.element[i]));
  }
  return reply;
}

}  // namespace

std::string encode(const std::vector<std::string>& words) {
  std::string wire = "*" + std::to_string(words.size()) + "\r\n";
  for (const auto& word : words) wire += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  return wire;
}

struct Replies::Parts {
  std::unique_ptr<redisReader, decltype(&redisReaderFree)> reader{redisReaderCreate(), &redisReaderFree};
  std::size_t bytes_max = 0;
  std::size_t pending = 0;  // bytes since the last whole reply
};

Replies::Replies(std::size_t bytes_max) : parts_(std::make_unique<Parts>()) { parts_->bytes_max = bytes_max; }
Replies::~Replies() = default;

void Replies::add(std::string_view bytes) {
  parts_->pending += bytes.size();
  if (parts_->pending <= parts_->bytes_max) redisReaderFeed(parts_->reader.get(), bytes.data(), bytes.size());
}

Result<std::optional<Reply>> Replies::next() {
  if (parts_->pending > parts_->bytes_max) {
    return fail({.code = "redis.protocol", .what = "a reply of more than " + std::to_string(parts_->bytes_max) + " bytes"});
  }
  void* object = nullptr;
  if (redisReaderGetReply(parts_->reader.get(), &object) != REDIS_OK) {
    return fail({.code = "redis.protocol", .what = std::string("not what Redis says: ") + parts_->reader->errstr});
  }
  if (object == nullptr) return std::nullopt;
  const std::unique_ptr<void, decltype(&freeReplyObject)> owned(object, &freeReplyObject);
  parts_->pending = 0;
  return to_reply(*static_cast<const redisReply*>(object));
}

}  // namespace baton::redis
