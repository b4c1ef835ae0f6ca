#include "formats/complaints.hpp"

#include "formats/source_text.hpp"

namespace baton::formats {

void Complaints::add(std::string_view code, core::Place place, std::string what, std::string way_out) {
  if (!first_) add_at(code, where(place), std::move(what), std::move(way_out));
}

void Complaints::add_in(std::string_view code, core::Place from, std::string_view needle, std::string what, std::string way_out) {
  if (!first_) add(code, find_from(text_, from, needle), std::move(what), std::move(way_out));
}

void Complaints::add_at(std::string_view code, std::string where, std::string what, std::string way_out) {
  if (!first_) first_ = Error{std::string(code), std::move(what), std::move(where), std::move(way_out)};
}

std::string Complaints::where(core::Place place) const {
  return file_ + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

}  // namespace baton::formats
