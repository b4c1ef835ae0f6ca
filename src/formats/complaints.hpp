/// What is wrong with a document. Readers go on with neutral values after a complaint, so that each can be written as if all were well.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/model.hpp"
#include "core/result.hpp"

namespace baton::formats {

/// The first complaint stands; what follows is often its echo, and is dropped.
class Complaints {
 public:
  /// `text` must outlive this. `file` as it shall stand before `:line:column`.
  Complaints(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {}

  void add(std::string_view code, core::Place place, std::string what, std::string way_out = {});
  /// About a part of a text that begins at `from`: the place is that of `needle` in it.
  void add_in(std::string_view code, core::Place from, std::string_view needle, std::string what, std::string way_out = {});
  /// About something outside the document, as `--set ploidy`.
  void add_at(std::string_view code, std::string where, std::string what, std::string way_out = {});

  [[nodiscard]] bool any() const { return first_.has_value(); }
  [[nodiscard]] const Error& first() const { return *first_; }
  /// `file:line:column`.
  [[nodiscard]] std::string where(core::Place place) const;

 private:
  std::string_view text_;
  std::string file_;
  std::optional<Error> first_;
};

}  // namespace baton::formats
