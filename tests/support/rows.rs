//! Rows that tests insert, with as few values as each test needs.

use chrono::{DateTime, NaiveDate, Utc};
use entity::{assignment, employee, employee_meeting, meeting, project};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait};

use super::app::TestApp;

/// Inserts rows and returns their ids.
impl TestApp {
    pub async fn employee(&self, name: &str) -> i64 {
        self.hired(name, "2020-01-01").await
    }

    pub async fn hired(&self, name: &str, date: &str) -> i64 {
        let row = employee::ActiveModel {
            name: Set(name.to_owned()),
            hire_date: Set(day(date)),
            ..Default::default()
        };
        row.insert(self.db()).await.unwrap().id
    }

    pub async fn project(&self, title: &str, budget: Option<i64>) -> i64 {
        let row = project::ActiveModel {
            title: Set(title.to_owned()),
            budget: Set(budget),
            ..Default::default()
        };
        row.insert(self.db()).await.unwrap().id
    }

    pub async fn meeting(&self, topic: &str, at: &str) -> i64 {
        let row = meeting::ActiveModel {
            topic: Set(topic.to_owned()),
            scheduled_time: Set(time(at)),
            ..Default::default()
        };
        row.insert(self.db()).await.unwrap().id
    }

    pub async fn attends(&self, employee_id: i64, meeting_id: i64) {
        let row = employee_meeting::ActiveModel {
            employee_id: Set(employee_id),
            meeting_id: Set(meeting_id),
        };
        row.insert(self.db()).await.unwrap();
    }

    pub async fn assignment(&self, employee_id: i64, project_id: i64) -> i64 {
        self.stint(employee_id, project_id, None, None, None).await
    }

    pub async fn stint(
        &self,
        employee_id: i64,
        project_id: i64,
        role: Option<&str>,
        start: Option<&str>,
        end: Option<&str>,
    ) -> i64 {
        let row = assignment::ActiveModel {
            role: Set(role.map(str::to_owned)),
            start_date: Set(start.map(time)),
            end_date: Set(end.map(time)),
            employee_id: Set(employee_id),
            project_id: Set(project_id),
            ..Default::default()
        };
        row.insert(self.db()).await.unwrap().id
    }

    /// Inserts many rows.
    pub async fn insert_many<A>(&self, rows: Vec<A>)
    where
        A: ActiveModelTrait + Send,
    {
        for chunk in rows.chunks(500) {
            A::Entity::insert_many(chunk.to_vec())
                .exec(self.db())
                .await
                .unwrap();
        }
    }
}

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
