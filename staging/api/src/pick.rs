//! Taking a few scalars out of an object by their paths, without looking at the rest of it.

/// Which members of an object are wanted: paths of member names, each with a number.
#[derive(Debug, Default)]
pub struct Paths {
    /// The root first.
    places: Vec<Place>,
    count: usize,
}

/// A place on the way to something wanted.
#[derive(Debug, Default)]
struct Place {
    /// The number of the path that ends here.
    number: Option<usize>,
    members: Vec<(Box<str>, Step)>,
}

/// One place of [`Paths`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step(usize);

impl Paths {
    /// The paths, numbered in their order.
    pub fn new<'p>(paths: impl IntoIterator<Item = &'p [&'p str]>) -> Self {
        let mut all = Self {
            places: vec![Place::default()],
            count: 0,
        };
        for path in paths {
            let end = path.iter().fold(Self::ROOT, |step, name| all.enter(step, name));
            all.places[end.0].number = Some(all.count);
            all.count += 1;
        }
        all
    }

    /// The object itself.
    pub const ROOT: Step = Step(0);

    fn enter(&mut self, Step(place): Step, name: &str) -> Step {
        if let Some(step) = self.member(Step(place), name) {
            return step;
        }
        let step = Step(self.places.len());
        self.places.push(Place::default());
        self.places[place].members.push((name.into(), step));
        step
    }

    /// How many paths there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The place of a member, if something there or below is wanted.
    #[must_use]
    pub fn member(&self, Step(place): Step, name: &str) -> Option<Step> {
        let mut members = self.places[place].members.iter();
        members.find(|(member, _)| **member == *name).map(|(_, step)| *step)
    }

    /// The number of the path that ends here.
    #[must_use]
    pub fn number(&self, Step(place): Step) -> Option<usize> {
        self.places[place].number
    }
}

/// The scalars found, by the numbers of their paths: text as it is, numbers and booleans as JSON writes them.
pub type Picked = Vec<Option<Box<str>>>;
