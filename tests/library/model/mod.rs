mod counts;
mod key;
mod percentage;
mod schema;
mod socket;
mod threshold;
