#include "store/codec/reader.hpp"

namespace baton::store {

void Reader::end() {
  if (!in_.at_end()) damaged("its end is expected");
}

void Reader::value(std::string& into) {
  if (const auto plain = in_.plain_string()) {
    into = *plain;
    return;
  }
  auto text = in_.string();
  if (!text) damaged("a text is expected");
  into = std::move(*text);
}

void Reader::value(bool& into) {
  into = in_.peek() == 't';
  if (!in_.take(into ? "true" : "false")) damaged("true or false is expected");
}

void Reader::value(core::Duration& into) {
  std::int64_t count = 0;
  value(count);
  into = core::Duration(count);
}

void Reader::value(core::Instant& into) {
  core::Duration since_epoch{};
  value(since_epoch);
  into = core::Instant(since_epoch);
}

std::string_view Reader::text(std::string& unescaped) {
  if (const auto plain = in_.plain_string()) return *plain;
  value(unescaped);
  return unescaped;
}

void Reader::pass_over() {
  if (!in_.value()) damaged("a value is expected");
}

void Reader::damaged(const std::string& what) const { throw Damaged(what + " at byte " + std::to_string(in_.position())); }
void Reader::missing(std::string_view name) const { damaged("'" + std::string(name) + "' is missing"); }

}  // namespace baton::store
