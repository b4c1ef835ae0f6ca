/// Reads JSON text in one go, as writer.hpp writes it: no tree of it is made, because a plan reads what became of every node.
/// Members come in any order; those that nobody asked for are passed over; the last of two with one name counts.
#pragma once

#include <charconv>
#include <concepts>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json_reader.hpp"
#include "core/model.hpp"

namespace baton::store {

/// The text is not what was asked for. Leaves this room as store.damaged only.
struct Damaged : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A member of an object, and what takes its content.
template <class Read>
struct Member {
  std::string_view name;
  Read read;
  bool is_required = false;
  bool seen = false;
};

/// How deep it goes is bounded by the types that are read; core::json_depth_max bounds what is passed over.
class Reader {
 public:
  /// The text must outlive the reader.
  explicit Reader(std::string_view text) : in_(text) {}

  template <class... Members>
  void object(Members&&... members) {
    each_member([&](std::string_view name) {
      if (!(take(members, name) || ...)) pass_over();
    });
    (check(members), ...);
  }
  /// Says that one of these is missing, if so: of members that only sometimes have to be there.
  template <class... Members>
  void need(const Members&... members) const {
    ((members.seen ? void() : missing(members.name)), ...);
  }
  /// @param each  takes the name; reads the content
  template <class Each>
  void each_member(Each each) {
    expect('{', "an object");
    if (in_.take('}')) return;
    do {
      std::string unescaped;
      const auto name = text(unescaped);
      expect(':', "':'");
      each(name);
    } while (in_.take(','));
    expect('}', "',' or '}'");
  }
  /// @param each  reads an element
  template <class Each>
  void each_element(Each each) {
    expect('[', "a list");
    if (in_.take(']')) return;
    do each();
    while (in_.take(','));
    expect(']', "',' or ']'");
  }
  /// Nothing follows.
  void end();

  void value(std::string& into);
  void value(bool& into);
  template <class Number>
    requires std::integral<Number> || std::floating_point<Number>
  void value(Number& into) {
    const auto digits = in_.number();
    if (!digits) damaged("a number is expected");
    const auto* const past = digits->data() + digits->size();
    const auto [end, wrong] = std::from_chars(digits->data(), past, into);
    if (wrong != std::errc() || end != past) damaged("the number " + std::string(*digits) + " cannot be held");
  }
  void value(core::Duration& into);
  void value(core::Instant& into);
  template <class Tag, class Rep>
  void value(Id<Tag, Rep>& into) {
    Rep plain{};
    value(plain);
    into = Id<Tag, Rep>(std::move(plain));
  }
  template <class T>
  void value(std::optional<T>& into) {
    value(into.emplace());
  }
  template <class T>
  void value(std::map<std::string, T>& into) {
    into.clear();
    each_member([&](std::string_view name) { value(into[std::string(name)]); });
  }
  template <class T>
  void value(std::vector<T>& into) {
    into.clear();
    each_element([&] { value(into.emplace_back()); });
  }

  /// Throws Damaged with the place that has been reached.
  [[noreturn]] void damaged(const std::string& what) const;

 private:
  template <class Read>
  bool take(Member<Read>& member, std::string_view name) {
    if (member.name != name) return false;
    member.read(*this);
    member.seen = true;
    return true;
  }
  template <class Read>
  void check(const Member<Read>& member) const {
    if (member.is_required && !member.seen) missing(member.name);
  }
  void expect(char character, const char* what) {
    if (!in_.take(character)) damaged(std::string(what) + " is expected");
  }
  /// @param unescaped  holds it where it is not in the text as it is
  std::string_view text(std::string& unescaped);
  void pass_over();
  [[noreturn]] void missing(std::string_view name) const;

  core::JsonReader in_;
};

template <class T>
auto optional(std::string_view name, T& into) {
  return Member{name, [&into](Reader& in) { in.value(into); }};
}
template <class T>
auto optional(std::string_view name, T& into, void (*read)(Reader&, T&)) {
  return Member{name, [&into, read](Reader& in) { read(in, into); }};
}
template <class... What>
auto required(What&&... what) {
  auto member = optional(std::forward<What>(what)...);
  member.is_required = true;
  return member;
}
template <class T>
void list(Reader& in, std::vector<T>& into, void (*read)(Reader&, T&)) {
  into.clear();
  in.each_element([&] { read(in, into.emplace_back()); });
}
template <class T>
auto list_of(std::string_view name, std::vector<T>& into, void (*read)(Reader&, T&)) {
  return Member{name, [&into, read](Reader& in) { list(in, into, read); }};
}

}  // namespace baton::store
