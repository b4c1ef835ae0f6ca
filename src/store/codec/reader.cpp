#include "store/codec/reader.hpp"

namespace baton::store {

void Reader::end() {
  if (!in_.at_end()) damaged("its end is expected");
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

std::string Reader::text() {
  auto text = in_.string();
  if (!text) damaged("a text is expected");
  return std::move(*text);
}

void Reader::pass_over() {
  if (!in_.value()) damaged("a value is expected");
}

void Reader::damaged(const std::string& what) const { throw Damaged(what + " at byte " + std::to_string(in_.position())); }
void Reader::missing(std::string_view name) const { damaged("'" + std::string(name) + "' is missing"); }

}  // namespace baton::store
